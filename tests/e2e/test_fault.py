"""Faults by rule, as dig and other clients meet them over UDP and TCP."""

import concurrent.futures
import re
import signal
import subprocess
import time

import dns.flags
import pytest

from kit.ask import Stream, ask, query, records, timed, ttls, udp_exchange
from kit.control import Control, jidns
from kit.proc import wait_until

SRV = "_xmpp-client._tcp.full.lab"
TRANSPORTS = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])


def dig(server, name, rdtype="A", tcp=False, patience_s=1):
    """What dig says with one try, and its exit status."""
    argv = ["dig", f"@{server[0]}", "-p", str(server[1]), name, rdtype, "+tries=1", "+retry=0", "+ignore", "+nocookie",
            f"+time={patience_s}", "+tcp" if tcp else "+notcp"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def srv_lines(text):
    """(priority, weight, port, target) of each SRV record of the answer section, in order."""
    section = re.search(r";; ANSWER SECTION:\n(.*?)\n\n", text, re.S)
    lines = section[1].splitlines() if section else []
    return [tuple(line.split()[4:]) for line in lines if line.split()[3] == "SRV"]


@pytest.fixture
def faulty(relay, jidnsd):
    """The daemon before NSD with these rules."""
    def start(*rules, options=()):
        faults = [word for rule in rules for word in ("--fault", rule)]
        return jidnsd("--upstream", relay.address, "--prefetch", "off", *faults, *options)
    return start


@TRANSPORTS
@pytest.mark.parametrize("rule, status", [("servfail", "SERVFAIL"), ("refused", "REFUSED"), ("nxdomain", "NXDOMAIN"),
                                          ("nodata", "NOERROR")])
def test_an_answer_becomes_a_failure(faulty, tcp, rule, status):
    daemon = faulty(f"name=full.lab {rule}")
    code, text = dig(daemon.v4, "full.lab", tcp=tcp)
    assert code == 0 and f"status: {status}," in text and "ANSWER: 0," in text
    _, text = dig(daemon.v4, "plain.lab", tcp=tcp)
    assert "192.0.2.20" in text


def test_truncated_answers_send_clients_to_tcp(faulty):
    daemon = faulty("transport=udp truncate")
    argv = ["dig", f"@{daemon.v4[0]}", "-p", str(daemon.v4[1]), "plain.lab", "+tries=1"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert "Truncated, retrying in TCP mode" in text and "192.0.2.20" in text
    _, text = dig(daemon.v4, "plain.lab")
    assert re.search(r"flags: qr tc rd ra;.*ANSWER: 0,", text)


@TRANSPORTS
def test_a_dropped_answer_never_comes(faulty, tcp):
    daemon = faulty("first=1 drop")
    code, text = dig(daemon.v4, "plain.lab", tcp=tcp)
    assert code == 9 and "timed out" in text
    code, text = dig(daemon.v4, "plain.lab", tcp=tcp)
    assert code == 0 and "192.0.2.20" in text


@TRANSPORTS
def test_a_delayed_answer_comes_when_it_is_due(faulty, tcp):
    daemon = faulty("type=A delay=300-400")
    for _ in range(2):  # new, then cached
        wait_s, answer = timed(ask, daemon.v4, "plain.lab", "A", tcp)
        assert 0.295 < wait_s < 2 and records(answer.answer)
    wait_s, _ = timed(ask, daemon.v4, "plain.lab", "AAAA", tcp)
    assert wait_s < 0.295


@TRANSPORTS
def test_ttls_are_what_the_rule_says(faulty, tcp):
    daemon = faulty("ttl=7")
    answer = ask(daemon.v4, SRV, "SRV", tcp)
    assert set(ttls(answer.answer).values()) == {7}


@TRANSPORTS
def test_records_change_places_and_get_lost(faulty, tcp):
    daemon = faulty("name=_xmpp-client._tcp.*.lab reverse", "name=_xmpps-client._tcp.*.lab lose-target=two.full.lab",
                    "name=_xmpp-server._tcp.*.lab port=443 target=elsewhere.lab")
    plain = srv_lines(dig(daemon.v4, "_xmpps-server._tcp.full.lab", "SRV", tcp)[1])
    assert plain == [("5", "0", "15270", "one.full.lab.")]
    assert srv_lines(dig(daemon.v4, SRV, "SRV", tcp)[1]) == [("5", "70", "15222", "two.full.lab."),
                                                             ("5", "30", "15222", "one.full.lab.")]
    assert srv_lines(dig(daemon.v4, "_xmpps-client._tcp.full.lab", "SRV", tcp)[1]) == [("5", "0", "15223", "one.full.lab.")]
    assert srv_lines(dig(daemon.v4, "_xmpp-server._tcp.full.lab", "SRV", tcp)[1]) == [("5", "0", "443", "elsewhere.lab."),
                                                                                      ("10", "0", "443", "elsewhere.lab.")]


def test_the_additional_section_is_lost(faulty):
    daemon = faulty("transport=tcp no-additional", options=("--expand-srv", "wait"))
    assert ask(daemon.v4, SRV, "SRV").additional
    over_tcp = ask(daemon.v4, SRV, "SRV", True)
    assert over_tcp.answer and not over_tcp.additional


def test_a_shuffled_answer_comes_in_every_order(faulty):
    daemon = faulty("shuffle seed=4")
    orders = [tuple(r.target.to_text() for r in ask(daemon.v4, SRV, "SRV").answer[0]) for _ in range(20)]
    assert set(orders) == {("one.full.lab.", "two.full.lab."), ("two.full.lab.", "one.full.lab.")}


@TRANSPORTS
def test_an_answer_with_a_wrong_id_is_none(faulty, tcp):
    daemon = faulty("wrong-id")
    _, text = dig(daemon.v4, "plain.lab", tcp=tcp)
    assert "192.0.2.20" not in text and re.search("ID mismatch|timed out|no servers could be reached", text)


@TRANSPORTS
def test_garbage_is_no_message(faulty, tcp):
    daemon = faulty("garbage")
    _, text = dig(daemon.v4, "plain.lab", tcp=tcp)
    assert "192.0.2.20" not in text and re.search("malformed|parse|communications error|bad|FORMERR|no servers", text)


def test_a_cut_datagram_is_short(faulty):
    daemon = faulty("cut=20")
    assert len(udp_exchange(daemon.v4, query("plain.lab", "A").to_wire())) == 20


def test_a_connection_ends_in_the_midst_of_a_message(faulty):
    daemon = faulty("transport=tcp cut=20")
    with Stream(daemon.v4) as stream:
        stream.send(query("plain.lab", "A").to_wire())
        octets = stream.file.read()
    assert len(octets) == 22 and int.from_bytes(octets[:2], "big") > 20
    code, _ = dig(daemon.v4, "plain.lab", tcp=True)
    assert code == 9


def test_a_connection_is_closed_instead_of_an_answer(faulty):
    daemon = faulty("close")
    with Stream(daemon.v4) as stream:
        stream.send(query("plain.lab", "A").to_wire())
        assert stream.receive() is None
    code, text = dig(daemon.v4, "plain.lab", tcp=True)
    assert code == 9 and "192.0.2.20" not in text
    assert "192.0.2.20" in dig(daemon.v4, "plain.lab")[1]


def test_the_same_seed_strikes_the_same_queries_with_any_number_of_threads(faulty):
    struck = []
    for threads in (1, 1, 3):
        daemon = faulty("share=30% seed=7 servfail", options=("--threads", threads))
        struck.append([ask(daemon.v4, "plain.lab").rcode() for _ in range(60)])
    assert struck[0] == struck[1] == struck[2]
    assert 5 < sum(code == 2 for code in struck[0]) < 35


def test_rules_are_in_force_in_all_threads(faulty):
    daemon = faulty("servfail", options=("--threads", 4))
    assert {ask(daemon.v4, "plain.lab").rcode() for _ in range(40)} == {2}


def test_a_rule_flaps_by_period(faulty):
    daemon = faulty("flap=0.6/0.6 refused")
    seen, end = [], time.monotonic() + 2.4
    while time.monotonic() < end:
        code = ask(daemon.v4, "plain.lab").rcode()
        if not seen or seen[-1] != code:
            seen.append(code)
        time.sleep(0.02)
    assert seen[:4] == [0, 5, 0, 5]


def test_a_rule_of_the_settings_file_is_in_force_and_in_the_log(relay, jidnsd, tmp_path):
    settings = tmp_path / "settings.conf"
    settings.write_text('fault "no srv" { rule = "type=SRV servfail" }\n')
    daemon = jidnsd("--config", settings, "--upstream", relay.address)
    assert ask(daemon.v4, SRV, "SRV").rcode() == 2
    assert "warn faults: fault rule 1 changes answers on purpose: type=SRV servfail" in daemon.stderr


def test_what_the_cache_keeps_is_right_whatever_was_done_to_the_answer(relay, faulty):
    daemon = faulty("first=1 target=wrong.lab ttl=1")
    assert "wrong.lab." in ask(daemon.v4, SRV, "SRV").to_text()
    assert "wrong.lab." not in ask(daemon.v4, SRV, "SRV").to_text()
    assert len(relay.asked(f"{SRV}.", "SRV")) == 1


@TRANSPORTS
def test_local_answers_are_spoiled_like_forwarded_ones(jidnsd, tmp_path, tcp):
    settings = tmp_path / "settings.conf"
    settings.write_text('xmpp "montague.lab" { host "xmpp" { address = 192.0.2.7 } }\n'
                        'fault "a" { rule = "type=SRV port=443 no-additional ttl=9" }\n'
                        'fault "b" { rule = "type=A delay=300 nxdomain" }\n')
    daemon = jidnsd("--config", settings, "--upstream", "192.0.2.53")
    answer = ask(daemon.v4, "_xmpp-client._tcp.montague.lab", "SRV", tcp)
    assert [(r.port, r.target.to_text()) for r in answer.answer[0]] == [(443, "xmpp.montague.lab.")]
    assert answer.flags & dns.flags.AA and answer.answer[0].ttl == 9 and not answer.additional
    wait_s, answer = timed(ask, daemon.v4, "xmpp.montague.lab", "A", tcp)
    assert wait_s > 0.295 and answer.rcode() == 3


def test_a_reload_puts_other_rules_into_force_and_lets_the_same_go_on(relay, jidnsd, folder):
    settings = folder / "settings.conf"
    first = 'fault "one" { rule = "name=plain.lab first=1 servfail" }\n'
    settings.write_text(first)
    daemon = jidnsd("--config", settings, "--upstream", relay.address)
    assert [ask(daemon.v4, "plain.lab").rcode() for _ in range(2)] == [2, 0]

    def reload(text):
        settings.write_text(text)
        count = daemon.stderr.count("settings reloaded")
        daemon.child.send_signal(signal.SIGHUP)
        daemon.wait_for(lambda: daemon.stderr.count("settings reloaded") > count, "reload")
    reload("cache { max-stale = 60 }\n" + first)
    assert ask(daemon.v4, "plain.lab").rcode() == 0, "its one answer was spoiled before"
    reload('fault "two" { rule = "type=SRV refused" }\n')
    assert ask(daemon.v4, SRV, "SRV").rcode() == 5
    reload("\n")
    assert ask(daemon.v4, SRV, "SRV").rcode() == 0


# ---- while it runs ----

@pytest.fixture(name="live")
def fixture_live(relay, jidnsd, tmp_path):
    """A daemon with three threads that takes commands."""
    daemon = jidnsd("--upstream", relay.address, "--prefetch", "off", "--threads", 3, "--control", tmp_path / "control")
    daemon.control = tmp_path / "control"
    return daemon


def fault(daemon, *words):
    """What `jidns fault` prints of a command that is done."""
    done = jidns(daemon, "fault", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def codes(daemon, name="plain.lab", count=20):
    """The RCODEs of questions that all threads share."""
    return {ask(daemon.v4, name).rcode() for _ in range(count)}


def test_rules_come_and_go_while_it_runs(live):
    assert codes(live) == {0}
    assert fault(live, "list") == ""
    assert fault(live, "add", "name=plain.lab  servfail") == "1\n"
    assert codes(live) == {2}
    assert fault(live, "add", "name=full.lab", "refused") == "2\n", "a rule may be given in one word or in many"
    assert codes(live, "full.lab") == {5}
    assert fault(live, "list") == ("1  name=plain.lab servfail  (spoiled 20 of 20)\n"
                                   "2  name=full.lab refused  (spoiled 20 of 20)\n")
    assert fault(live, "clear", "1") == "1 cleared\n"
    assert codes(live) == {0} and codes(live, "full.lab") == {5}
    assert fault(live, "add", "drop") == "3\n"
    assert fault(live, "clear") == "2 cleared\n"
    assert codes(live) == codes(live, "full.lab") == {0}
    assert fault(live, "clear") == "0 cleared\n"


def test_what_is_wrong_with_a_command_is_said(live):
    for words, status, said in ((("add", "delya=5"), 1, '"delya=5": no such word; did you mean delay?'),
                                (("add", "share=30", "drop"), 1, '"share=30": the % is missing: share=30%'),
                                (("clear", "7"), 1, "there is no rule 7"), (("clear", "x"), 1, "'x': should be a rule's number"),
                                (("clear", "0"), 1, "'0': should be a rule's number"), ((), 2, "needs add RULE, list, clear"),
                                (("add",), 2, "needs add RULE"), (("show",), 2, "needs add RULE")):
        done = jidns(live, "fault", *words)
        assert (done.returncode, done.stdout) == (status, "") and said in done.stderr, words
    assert fault(live, "list") == ""


def test_there_are_no_more_than_64_rules(live):
    with Control(live.control) as control:
        for number in range(1, 65):
            assert control.ask("fault add name=other.lab drop") == {"ok": True, "number": number}
        assert "there are 64 fault rules already" in control.ask("fault add drop")["error"]
        listed = control.ask("fault list")["faults"]
        assert len(listed) == 64
        assert {k: listed[0][k] for k in ("number", "rule", "persistent", "matched", "spoiled")} == {
            "number": 1, "rule": "name=other.lab drop", "persistent": False, "matched": 0, "spoiled": 0}
        assert control.ask("fault clear") == {"ok": True, "cleared": 64}


def test_clearing_a_rule_lets_go_of_what_it_holds(live):
    fault(live, "add", "delay=20000")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(timed, ask, live.v4, "plain.lab")
        with Control(live.control) as control:
            assert wait_until(lambda: control.ask("fault list")["faults"][0]["spoiled"] == 1, 5)
        fault(live, "clear")
        wait_s, answer = held.result()
    assert answer.answer and wait_s < 4


def test_rules_change_under_load_and_no_answer_is_lost(live):
    def client(_):
        return [ask(live.v4, "plain.lab", tcp=i % 4 == 0).rcode() for i in range(150)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(client, i) for i in range(4)]
        with Control(live.control) as control:
            while not all(each.done() for each in running):
                assert control.ask('fault add "share=50% delay=1-20"')["ok"]
                assert control.ask("fault add share=50% servfail")["ok"]
                assert control.ask("fault clear")["ok"]
        for each in running:
            assert set(each.result()) <= {0, 2}
