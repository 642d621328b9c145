"""What happens when upstreams are dead, slow, wrong or hostile."""

import concurrent.futures
import socket
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from kit import lies
from kit.ask import ask, query, records, spelled, timed, udp_exchange
from kit.netns import free_ports
from kit.proc import wait_until
from kit.upstream import always, late, relay_to, silent

PROMPT_S = 0.9
PATIENT_S = 5
FORTY = "_xmpp-server._tcp.forty.lab"


@pytest.fixture
def front(jidnsd):
    """The daemon before these upstreams, with nothing fetched ahead."""
    def start(*upstreams):
        options = [o for u in upstreams for o in ("--upstream", getattr(u, "address", u))]
        return jidnsd(*options, "--prefetch", "off", "--expand-srv", "off")
    return start


@pytest.fixture
def bad(upstream):
    """Upstreams that are of no use, by the way in which they are not."""
    makers = {"dead": lambda: f"127.0.0.1:{free_ports()}",
              "black hole": lambda: upstream(silent),
              "servfail": lambda: upstream(always(dns.rcode.SERVFAIL)),
              "refusing": lambda: upstream(always(dns.rcode.REFUSED))}
    return lambda kind: makers[kind]()


def answer_to(asked):
    return lies.answer(asked.query)


def reasons(answer):
    return {int(option.code) for option in answer.options if isinstance(option, dns.edns.EDEOption)}


@pytest.mark.parametrize("order", ["bad first", "bad last"])
@pytest.mark.parametrize("kind", ["dead", "black hole", "servfail", "refusing"])
def test_one_good_upstream_of_two_is_enough(relay, front, bad, kind, order):
    pair = [bad(kind), relay]
    daemon = front(*(pair if order == "bad first" else reversed(pair)))
    for n in range(12):
        seconds, answer = timed(ask, daemon.v4, f"host{n}.hosted.lab", "A")
        assert answer.rcode() == dns.rcode.NOERROR and answer.answer
        assert seconds < PROMPT_S, f"question {n} took {seconds:.2f} s"


def test_a_black_hole_costs_time_only_in_the_beginning(relay, front, bad):
    daemon = front(bad("black hole"), relay)
    waits = [timed(ask, daemon.v4, f"host{n}.hosted.lab", "A")[0] for n in range(30)]
    assert sorted(waits)[22] < 0.1, "three of four questions must not wait for the dead one"


@pytest.mark.parametrize("kind, codes", [("dead", {22, 23}), ("black hole", {22, 23}), ("servfail", None)])
def test_when_all_upstreams_fail_clients_hear_servfail_and_why(front, bad, kind, codes):
    daemon = front(bad(kind), bad(kind))
    for name in ("one.full.lab", "two.full.lab"):
        seconds, answer = timed(ask, daemon.v4, name, "A", edns=0, patience_s=PATIENT_S)
        assert answer.rcode() == dns.rcode.SERVFAIL
        assert codes is None or reasons(answer) & codes, f"EDE {reasons(answer)}"
        assert reasons(answer), "an EDE says why"
        assert kind == "black hole" or seconds < 1
    plain = ask(daemon.v4, "one.full.lab", "A", tcp=True)
    assert plain.rcode() == dns.rcode.SERVFAIL and plain.edns == -1


def test_an_upstream_that_comes_back_is_used_again(nsd, upstream, front):
    port = free_ports()
    daemon = front(f"127.0.0.1:{port}")
    assert ask(daemon.v4, "one.full.lab", "A").rcode() == dns.rcode.SERVFAIL
    upstream(relay_to(*nsd.server), port=port)
    answered = wait_until(lambda: ask(daemon.v4, "two.full.lab", "A").answer, 5, step_s=0.1)
    assert answered, "still failing five seconds after the upstream came back"


def test_one_lost_datagram_is_not_a_failure(upstream, front):
    lost = set()

    def handler(asked):
        name = asked.query.question[0].name
        if name in lost:
            return lies.answer(asked.query)
        return lost.add(name)
    daemon = front(upstream(handler))
    for n in range(3):
        seconds, answer = timed(ask, daemon.v4, f"lost{n}.lab", "A")
        assert answer.rcode() == dns.rcode.NOERROR
        assert seconds < PROMPT_S


def test_a_slow_answer_is_waited_for_and_then_remembered(upstream, front):
    slow = upstream(late(answer_to, 0.9))
    daemon = front(slow)
    assert ask(daemon.v4, "slow.lab", "A").answer
    seconds, answer = timed(ask, daemon.v4, "slow.lab", "A")
    assert answer.answer and seconds < 0.1


def test_an_answer_too_late_for_its_client_is_there_for_the_next(upstream, front):
    slow = upstream(late(answer_to, 3.2))
    daemon = front(slow)
    assert ask(daemon.v4, "slower.lab", "A").rcode() == dns.rcode.SERVFAIL
    time.sleep(1.5)
    seconds, answer = timed(ask, daemon.v4, "slower.lab", "A")
    assert answer.rcode() == dns.rcode.NOERROR and answer.answer
    assert seconds < 0.1


def test_the_same_question_in_flight_reaches_the_upstream_once(upstream, front):
    slow = upstream(late(answer_to, 0.1))
    daemon = front(slow)
    spellings = ["same.lab", "SAME.lab", "sAmE.LaB", "same.LAB"] * 10
    asked = [query(name, "A", **({"edns": 0} if n % 3 else {})) for n, name in enumerate(spellings)]
    with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
        replies = list(pool.map(lambda q: udp_exchange(daemon.v4, q.to_wire()), asked))
    assert len(slow.seen) == 1
    for question, wire in zip(asked, replies):
        assert wire[:2] == question.to_wire()[:2]
        assert spelled(wire) == spelled(question.to_wire())
        reply = dns.message.from_wire(wire)
        assert reply.edns == question.edns
        assert lies.TRUTH in str(reply.answer[0])


@pytest.mark.parametrize("forgery", lies.FORGERIES, ids=lambda f: f.__name__)
def test_a_forgery_is_passed_over_and_the_truth_still_heard(upstream, front, forgery):
    def handler(asked):
        for _ in range(3):
            asked.reply_raw(forgery(asked.query))
        time.sleep(0.05)
        return lies.answer(asked.query)
    daemon = front(upstream(handler))
    for n in range(3):
        answer = ask(daemon.v4, f"target{n}.lab", "A")
        assert answer.rcode() == dns.rcode.NOERROR
        assert [r.to_text() for r in answer.answer[0]] == [lies.TRUTH]


@pytest.mark.parametrize("fault", lies.BROKEN, ids=lambda f: f.__name__)
def test_a_broken_reply_is_not_believed_and_the_next_upstream_asked(upstream, front, fault):
    broken = upstream(lambda asked: fault(asked.query))
    alone, helped = front(broken), front(broken, upstream(answer_to))
    for n in range(4):
        answer = ask(alone.v4, f"target{n}.lab", "A")
        assert answer.rcode() == dns.rcode.SERVFAIL and not answer.answer
        answer = ask(helped.v4, f"target{n}.lab", "A")
        assert [r.to_text() for r in answer.answer[0]] == [lies.TRUTH]


def test_a_reply_from_another_port_is_not_heard(upstream, front):
    def handler(asked):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.sendto(lies.answer(asked.query, lies.LIE).to_wire(), asked.source)
        time.sleep(0.05)
        return lies.answer(asked.query)
    daemon = front(upstream(handler))
    for n in range(3):
        assert lies.TRUTH in str(ask(daemon.v4, f"target{n}.lab", "A").answer[0])


@pytest.mark.parametrize("trick", [lies.with_unasked_additional, lies.with_unasked_answer,
                                   lies.only_unasked_answer, lies.broken_chain], ids=lambda f: f.__name__)
def test_records_for_unasked_names_are_neither_passed_on_nor_kept(upstream, front, trick):
    def handler(asked):
        tricked = asked.query.question[0].name.to_text().lower() == "bait.lab."
        return (trick if tricked else lies.answer)(asked.query)
    liar = upstream(handler)
    daemon = front(liar)
    for _ in range(2):
        answer = ask(daemon.v4, "bait.lab", "A", edns=0)
        assert not records(answer.answer) & records([lies.a_record("victim.lab.", lies.LIE)])
        assert lies.LIE not in str(answer.additional)
    assert lies.TRUTH in str(ask(daemon.v4, "victim.lab", "A").answer[0])
    assert len(liar.asked("victim.lab.", "A")) == 1


def test_a_truncated_answer_is_fetched_over_tcp(nsd, relay, front):
    daemon = front(relay)
    answer = ask(daemon.v4, FORTY, "SRV", tcp=True)
    assert records(answer.answer) == records(ask(nsd.server, FORTY, "SRV", tcp=True).answer)
    assert [s.transport for s in relay.asked(FORTY + ".")] == ["udp", "tcp"]


def test_an_id_that_is_wrong_over_tcp_is_not_believed(upstream, front):
    def handler(asked):
        if asked.transport == "udp":
            reply = dns.message.make_response(asked.query)
            reply.flags |= dns.flags.TC
            return reply
        return lies.wrong_id(asked.query)
    daemon = front(upstream(handler))
    answer = ask(daemon.v4, "big.lab", "A")
    assert answer.rcode() == dns.rcode.SERVFAIL and not answer.answer


def test_ids_and_source_ports_cannot_be_guessed(relay, front):
    daemon = front(relay)
    for n in range(300):
        ask(daemon.v4, f"guess{n}.hosted.lab", "A")
    ids = [s.id for s in relay.seen]
    ports = [s.source[1] for s in relay.seen]
    assert len(set(ids)) > 280
    assert sum(abs(b - a) == 1 for a, b in zip(ids, ids[1:])) < 10, "ids count up or down"
    assert len(set(ports)) > 8, f"only the source ports {sorted(set(ports))}"


def test_options_of_clients_stay_with_the_daemon(relay, front):
    daemon = front(relay)
    for n, code in enumerate((8, 10, 12, 65001)):
        question = query(f"option{n}.hosted.lab", "A")
        question.use_edns(0, options=[dns.edns.GenericOption(code, b"\x00\x01\x18\x00\xc0\x00\x02\x00")])
        assert ask(daemon.v4, question).answer
    assert not {code for seen in relay.seen for code in seen.options} & {8, 12, 65001}


def test_a_burst_of_names_is_answered_in_full(relay, front):
    daemon = front(relay)
    gate = threading.Barrier(16)

    def client(which):
        gate.wait()
        return sum(bool(ask(daemon.v4, f"c{which}n{n}.hosted.lab", "A").answer) for n in range(25))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(client, range(16))) == 16 * 25
