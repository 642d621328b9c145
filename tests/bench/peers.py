"""The programs that tests/bench/run compares: how each is started as a caching forwarder with one thread,
on 127.0.0.1:PORT, asking 127.0.0.1:UP for everything, with room for all names and no limits on rates."""

import shutil

UP, PORT = 27400, 27401


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return str(path)


def floor(build, folder, names):
    return [str(build / "tests/bench/floor"), str(PORT)]


def jidnsd(build, folder, names, *more):
    return [str(build / "src/jidnsd"), "--listen", f"127.0.0.1:{PORT}",
            "--upstream", f"127.0.0.1:{UP}", *more]


def jidnsd_off(build, folder, names):
    return jidnsd(build, folder, names, "--prefetch", "off", "--expand-srv", "off")


def unbound(build, folder, names):
    return ["unbound", "-d", "-c", write(folder, "unbound.conf", f"""
server:
    interface: 127.0.0.1@{PORT}
    num-threads: 1
    do-daemonize: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    logfile: ""
    module-config: "iterator"
    do-not-query-localhost: no
    local-zone: "lab." transparent
    msg-cache-size: 256m
    rrset-cache-size: 256m
    outgoing-range: 4096
    num-queries-per-thread: 2048
    incoming-num-tcp: 100
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{UP}
""")]


def dnsmasq(build, folder, names):
    return ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--pid-file=",
            "--user=root", "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={PORT}",
            f"--server=127.0.0.1#{UP}", f"--cache-size={3 * names}", "--dns-forward-max=4096"]


def dnsdist(build, folder, names):
    return ["dnsdist", "--supervised", "--disable-syslog", "-C", write(folder, "dnsdist.conf", f"""
setSecurityPollSuffix("")
setLocal("127.0.0.1:{PORT}")
setMaxUDPOutstanding(4096)
newServer({{address="127.0.0.1:{UP}", healthCheckMode="up"}})
getPool(""):setCache(newPacketCache(1000000, {{maxTTL=86400}}))
""")]


def kresd(build, folder, names):
    return ["kresd", "-n", "-c", write(folder, "kresd.conf", f"""
net.listen('127.0.0.1', {PORT}, {{ kind = 'dns' }})
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
trust_anchors.remove('.')
policy.add(policy.all(policy.FORWARD('127.0.0.1@{UP}')))
cache.size = 400 * MB
"""), str(folder)]


def pdns_recursor(build, folder, names):
    write(folder, "recursor.conf", f"""
local-address=127.0.0.1
local-port={PORT}
forward-zones-recurse=.=127.0.0.1:{UP}
dont-query=
threads=1
socket-dir={folder}
dnssec=off
security-poll-suffix=
max-cache-entries=5000000
max-packetcache-entries=5000000
quiet=yes
log-common-errors=no
write-pid=no
""")
    return ["pdns_recursor", f"--config-dir={folder}", "--daemon=no"]


# name: (how it is started, has a cache, answers TCP itself: dnsmasq starts a process for each connection)
TARGETS = {
    "floor": (floor, False, False),
    "jidnsd": (jidnsd, True, True),
    "jidnsd-off": (jidnsd_off, True, True),
    "unbound": (unbound, True, True),
    "dnsdist": (dnsdist, True, True),
    "dnsmasq": (dnsmasq, True, False),
    "kresd": (kresd, True, True),
    "pdns_recursor": (pdns_recursor, True, True),
}


def installed(name):
    return name in ("floor", "jidnsd", "jidnsd-off") or shutil.which(name) is not None


def nsd(folder, zone):
    return ["nsd", "-d", "-c", write(folder, "nsd.conf", f"""
server:
    ip-address: 127.0.0.1@{UP}
    username: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: ""
    logfile: "{folder}/nsd.log"
    zonelistfile: "{folder}/zone.list"
    xfrdfile: ""
    xfrdir: "{folder}"
    cookie-secret-file: ""
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: lab.
    zonefile: {zone}
""")]
