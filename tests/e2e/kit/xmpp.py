"""XMPP servers and clients in namespaces of their own, each host with its own jidnsd as only resolver."""

import pathlib
import shutil
import signal

from kit.jidnsd import Jidnsd
from kit.netns import Namespace, run
from kit.proc import Process
from kit.upstream import Upstream
from kit.watch import Watch, open_s

TEXT = "Parting is such sweet sorrow"
CLIENT = pathlib.Path(__file__).with_name("client.py")

PROSODY = """
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
certificates = "{folder}"
log = {{ debug = "*console" }}
plugin_paths = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", "dialback", "disco" }}
authentication = "internal_plain"
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = {secure}
c2s_ports = {{ {c2s} }}
s2s_ports = {{ {s2s} }}
unbound = {{ resolvconf = false, forward = "{resolver}"{anchor} }}
{more}
VirtualHost "{domain}"
  ssl = {{ key = "{folder}/key.pem", certificate = "{folder}/cert.pem" }}
"""

EJABBERD = """
hosts: [{domain}]
loglevel: debug
certfiles: ["{folder}/both.pem"]
auth_method: internal
s2s_use_starttls: required
listen:
  - {{ port: {c2s}, ip: "::", module: ejabberd_c2s, starttls_required: true }}
  - {{ port: {s2s}, ip: "::", module: ejabberd_s2s_in }}
modules: {{ mod_disco: {{}}, mod_roster: {{}}, mod_s2s_dialback: {{}} }}
"""

# as Debian's package has it: hosts through libc, SRV by Erlang's own resolver with the servers of resolv.conf
ERLANG_RESOLVER = """
{lookup,["file","native"]}.
{file, resolv, "/etc/resolv.conf"}.
"""

ERLANG_START = """
ejabberd:start(),
ok = ejabberd_auth:try_register(<<"USER">>, <<"DOMAIN">>, <<"secret">>),
io:format("serving~n").
"""


class Network:
    """A hub, with the watched upstream on port 53 where there is a handler, and hosts around it that reach each other through it."""

    def __init__(self, handler=None):
        self.hub = Namespace("hub")
        self.spaces = [self.hub]
        run(*self.hub.argv(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward;"
                            "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"]))
        self.upstream = Upstream(handler, 53, "0.0.0.0", self.hub) if handler else None

    def join(self, name, number):
        """A namespace with 192.0.2.(4*number+2) and 2001:db8:(number)::2; its way out is the hub."""
        space = Namespace(name)
        self.spaces.append(space)
        near, far = f"192.0.2.{4 * number + 2}", f"192.0.2.{4 * number + 1}"
        near6, far6 = f"2001:db8:{number}::2", f"2001:db8:{number}::1"
        space.link_to(self.hub, [f"{near}/30", f"{near6}/64"], [f"{far}/30", f"{far6}/64"])
        space.ip("route", "add", "default", "via", far)
        space.ip("-6", "route", "add", "default", "via", far6)
        return space, near, far

    def close(self):
        if self.upstream:
            self.upstream.close()
        for space in self.spaces:
            space.close()


WATCHED_PORT = 5300


class Machine:
    """One machine of the network: a namespace, and a resolv.conf that names nothing but its resolver."""

    def __init__(self, network, name, number, folder, track, resolver):
        self.name, self.track, self.resolver = name, track, resolver
        self.folder = folder / name
        self.folder.mkdir()
        self.space, self.address, self.gateway = network.join(name, number)
        self.resolv_conf = self.folder / "resolv.conf"
        self.resolv_conf.write_text(f"nameserver {resolver}\n")
        self.started = []

    def start(self, name, argv, **how):
        """A process on this machine; stopped with it."""
        process = Process(f"{self.name}-{name}", self.space.argv(argv, self.resolv_conf), self.folder, **how)
        self.started.append(self.track(process))
        return process

    def client(self, user, domain, *piece):
        """user@domain, whose password is `secret`, as a process that goes online."""
        argv = ["/usr/bin/python3", CLIENT, self.folder / "cert.pem", f"{user}@{domain}", "secret", *piece]
        return self.start(user, argv)

    def stop_all(self):
        """Ends its programs, at once; what they know is gone with them."""
        while self.started:
            self.started.pop().stop(signal.SIGKILL)
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)

    def close(self):
        self.stop_all()


class Host(Machine):
    """A machine with a jidnsd of its own on port 53, which asks the network's upstream. `watched`: what its programs ask goes
    through a Watch on that port."""

    def __init__(self, network, name, number, folder, track, *options, watched=False):
        super().__init__(network, name, number, folder, track, "127.0.0.1")
        self.network, self.upstream, self.upstream_address = network, network.upstream, self.gateway
        where = ["--listen", f"127.0.0.1:{WATCHED_PORT}"] if watched else []
        self.jidnsd = Jidnsd([*where, "--upstream", self.upstream_address, *options], self.folder, f"{name}-jidnsd",
                             listen=False, wrap=self.space.argv)
        track(self.jidnsd).wait_ready()
        self.watch = Watch(("127.0.0.1", WATCHED_PORT), self.space) if watched else None

    def asked(self):
        """(name, type) of every question this host put to the upstream, in order."""
        return [s.question for s in self.upstream.seen if s.source[0] == self.address]

    def close(self):
        super().close()
        if self.watch:
            self.watch.close()
        self.jidnsd.close()

    def waited_s(self, other, since_s=0.0):
        """For how long its programs have had a question about another domain open, since a time.monotonic()."""
        return open_s(s for s in self.watch.spans if s.start_s >= since_s and s.name.endswith(f"{other}."))


def make_certificate(folder, domain):
    """A self-signed certificate for the domain: folder/cert.pem and folder/key.pem."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", 2, "-subj", f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}",
        "-keyout", folder / "key.pem", "-out", folder / "cert.pem")


def start_prosody(host, domain, user, c2s, s2s, environment=None, more="", anchor=None):
    """Prosody for a domain with one user on a machine, its DNS through lua-unbound to the machine's resolver; `more` goes
    into its configuration. With the file of a trust anchor it validates, does DANE, and takes only servers that prove who they are."""
    make_certificate(host.folder, domain)
    accounts = host.folder / domain.replace(".", "%2e") / "accounts"
    accounts.mkdir(parents=True, exist_ok=True)
    (accounts / f"{user}.dat").write_text('return { ["password"] = "secret" };\n')
    config = host.folder / "prosody.cfg.lua"
    secure, trusts = ("true", f', trustfile = "{anchor}"') if anchor else ("false", "")
    more += "use_dane = true\n" if anchor else ""
    config.write_text(PROSODY.format(folder=host.folder, domain=domain, c2s=c2s, s2s=s2s, resolver=host.resolver, secure=secure, anchor=trusts,
                                     more=more))
    server = host.start("prosody", ["prosody", "-F", "--config", config], env=environment)
    server.wait_for(lambda: all(f"]:{port}" in server.stdout for port in (c2s, s2s)), "open ports", 20)
    assert ("lua-unbound?" in server.stdout) == bool(environment), "whose resolver Prosody uses"
    return server


def start_prosody_without_unbound(host, domain, user, c2s, s2s):
    """The same with net/dns.lua, its own resolver, which it takes when there is no lua-unbound."""
    (host.folder / "lunbound.lua").write_text('error("kept away by the test")\n')
    return start_prosody(host, domain, user, c2s, s2s, {"LUA_PATH": f"{host.folder}/?.lua;;"})


def start_ejabberd(host, domain, user, c2s, s2s):
    """ejabberd for a domain with one user on a host, its DNS through resolv.conf, by libc and by Erlang."""
    make_certificate(host.folder, domain)
    (host.folder / "both.pem").write_text((host.folder / "cert.pem").read_text()
                                          + (host.folder / "key.pem").read_text())
    config, resolver = host.folder / "ejabberd.yml", host.folder / "inetrc"
    config.write_text(EJABBERD.format(folder=host.folder, domain=domain, c2s=c2s, s2s=s2s))
    resolver.write_text(ERLANG_RESOLVER)
    libraries = next(pathlib.Path("/usr/lib").glob("*/ejabberd-*")).parent
    environment = {"ERL_LIBS": str(libraries), "ERL_INETRC": str(resolver), "HOME": str(host.folder),
                   "EJABBERD_CONFIG_PATH": str(config),
                   "EJABBERD_LOG_PATH": str(host.folder / "ejabberd.log"),
                   "ERL_CRASH_DUMP_SECONDS": "0"}
    start = ERLANG_START.replace("USER", user).replace("DOMAIN", domain)
    server = host.start("ejabberd", ["erl", "-noinput", "-mnesia", "dir", f'"{host.folder}/mnesia"',
                                     "-eval", start], env=environment)
    server.wait_for(lambda: "serving" in server.stdout, "'serving'", 40)
    return server


def deliver(here, there):
    """juliet@capulet.lab, here, writes to romeo@montague.lab, there; returns when he has it."""
    romeo = there.client("romeo", "montague.lab")
    romeo.wait_for(lambda: "online" in romeo.stdout, "login", 15)
    juliet = here.client("juliet", "capulet.lab", "romeo@montague.lab", TEXT)
    romeo.wait_for(lambda: f"got juliet@capulet.lab {TEXT}" in romeo.stdout or "error" in juliet.stdout,
                   f"message\n{juliet.describe()}", 20)
    assert juliet.stdout.split() == ["online", "sent"]
    assert romeo.stdout.splitlines() == ["online", f"got juliet@capulet.lab {TEXT}"]
