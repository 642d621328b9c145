"""doc/upstreams.md, made of what test_upstreams.py saw."""

HEAD = """# Upstream servers as they are met

jidnsd asks servers as they should be asked: over UDP, with EDNS and a cookie. Many routers,
forwarders and firewalls cannot handle one or the other. jidnsd then finds a way that works, answers
by it, remembers it, and tries the better way again after a while. `jidns upstreams` shows what is
remembered of each server; [control.md](control.md) explains it.

`contrib/dev/upstreams` makes this page from what `tests/e2e/test_upstreams.py` saw. A jidnsd that
knows nothing of the server is asked ten questions, over UDP and over TCP, for DNSSEC and without.

- *Clients get* and *DNSSEC* say what clients get, and whether DNSSEC is kept.
- *Remembered* says what jidnsd remembers of the server.
- *After* says how many seconds the first, the fourth and the tenth answer took; 0 is at once. A
  value that stays the same stands once.
- *It sees* says how many datagrams and TCP queries each of them cost: `2+1` is two datagrams and
  one query over TCP.

A server whose *TCP stalls 1 in 4* stops midway in one TCP reply of four. A test says when the first
four columns are no longer true.

Beside a second server, a good one, every question is answered. A client that asks for DNSSEC gets
it as soon as jidnsd knows which server it does not come from.

"""
COLUMNS = ("The server", "Clients get", "DNSSEC", "Remembered", "After", "It sees")
TIMED = 2  # columns, the last ones: they are not compared
CLASSES = ((0.2, "0"), (0.7, "½"), (1.4, "1"), (2.2, "2"), (9, "2½"))
CODES = {"NOERROR": "answer", "none": "nothing"}


def words_of(mood, got):
    """What a client got for each type, and for each name when they differ."""
    by_type = {}
    for one in got:
        said = by_type.setdefault(one.rdtype, [])
        word = "NODATA" if one.rcode == "NOERROR" and not one.records else CODES.get(one.rcode, one.rcode)
        if word not in said:
            said.append(word)
    if len(by_type) == 1:
        return " or ".join(sorted(*by_type.values(), reverse=True))
    return ", ".join(f"{rdtype}: {' or '.join(by_type[rdtype])}" for rdtype in mood.types)


def gets(mood, result, shown):
    """The same over the questions: "SERVFAIL, later answer"."""
    words = [words_of(mood, result.of(n)) for n in shown]
    return words[-1] if words[0] == words[-1] else f"{words[0]}, later {words[-1]}"


def after(mood, result, n):
    wanted = [got.seconds for got in result.of(n) if mood.code_for(got.n, got.k, got.rdtype) == "NOERROR"] or [got.seconds for got in result.of(n)]
    return next(word for most, word in CLASSES if max(wanted) < most)


def sees(mood, result, n):
    parts = mood.names * len(mood.types)
    udp, tcp = (round(packets / parts) for packets in result.packets[n][:2])
    return f"{udp}+{tcp}"


def dnssec(mood, result):
    signed = [got.signed and got.ad for got in result.got if got.records and mood.code_for(got.n, got.k, got.rdtype) == "NOERROR"]
    return "-" if mood.empty or not signed else "kept" if all(signed) else "none"


def once(cells):
    """The cells of the shown questions in one; the last ones are left out where they repeat the one before."""
    cells = list(cells)
    while len(cells) > 1 and cells[-1] == cells[-2]:
        cells.pop()
    return ", ".join(cells)


def row(mood, results, runs, shown):
    plain, signed = results[mood.name, "udp"], results[mood.name, "udp-do"]
    remembered = set.intersection(set(mood.remembers or ()), *(results[mood.name, run].remembered for run in runs))
    return (mood.does, gets(mood, plain, shown), dnssec(mood, signed), ", ".join(sorted(remembered)) or "-",
            once(after(mood, plain, n) for n in shown), once(sees(mood, plain, n) for n in shown))


def page(table, results, runs, shown):
    rows = [row(mood, results, runs, shown) for mood in table]
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("| --- ", "|---").replace("|--- |", "|---|")


def without_times(text):
    """The lines of a page, without the cells that depend on the machine."""
    return [line.split(" | ")[:-TIMED] if line.startswith("| ") else line for line in text.splitlines()]
