"""`jidns host` beside the programs that write resolv.conf: Debian's own resolvconf and openresolv, and the scripts of dhclient, dhcpcd and
NetworkManager's dispatcher, unpacked over this machine's files in a box."""

import os
import pathlib
import subprocess
import tempfile

import pytest

from kit.box import FIRST, PROVIDERS, REMARK, Machine, providers
from kit.control import program
from kit.proc import closed_pipe, wait_until

pytestmark = pytest.mark.skipif(not os.environ.get("E2E_ALL"), reason="takes minutes: contrib/check --all")
CACHE = pathlib.Path(tempfile.gettempdir()) / "jidns-packages"


def unpacked(package):
    """The folder with a Debian package's files, as they lie on a merged /usr."""
    folder = CACHE / package
    if not folder.exists():
        CACHE.mkdir(exist_ok=True)
        done = subprocess.run(["apt-get", "download", package], cwd=CACHE, capture_output=True, text=True, timeout=120, check=False)
        found = sorted(CACHE.glob(f"{package}_*.deb"))
        if not found:
            pytest.skip(f"apt-get download {package}: {done.stderr.strip()}")
        made = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
        made.chmod(0o755)
        subprocess.run(["dpkg-deb", "-x", found[-1], made], check=True)
        subprocess.run(["rm", "-rf", made / "usr" / "share"], check=True)
        for name in ("lib", "sbin", "bin"):
            if (made / name).exists():
                (made / "usr" / name).mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-a", f"{made / name}/.", made / "usr" / name], check=True)
                subprocess.run(["rm", "-r", made / name], check=True)
        made.rename(folder)
    return folder


@pytest.fixture
def machine(folder, track):
    """Makes one with these packages; jidnsd is to be started when resolv.conf is there."""
    made = []
    with providers("managed") as space:
        def make(*packages):
            made.append(Machine(space, folder, track, [unpacked(package) for package in packages]))
            return made[-1]
        yield make
        for each in made:
            each.close()


def servers(m):
    return [line.split()[1] for line in m.read("/etc/resolv.conf").splitlines() if line.startswith("nameserver")]


def runs(m, name):
    """A program of that name, which does nothing."""
    m.path("/run/programs").mkdir(exist_ok=True)
    m.run("cp", "/bin/sleep", f"/run/programs/{name}")
    return subprocess.Popen(m.argv([f"/run/programs/{name}", "300"]))


def lease(m, interface, *addresses):
    """What a DHCP client or ifupdown tells resolvconf(8)."""
    done = m.run("resolvconf", "-a", interface, text="".join(f"nameserver {a}\n" for a in addresses) + "search lab\n")
    assert done.returncode == 0, done.stderr


# ---- resolvconf and openresolv ----

@pytest.fixture
def resolvconf(machine):
    m = machine("resolvconf")
    m.run("rm", "-f", "/etc/resolvconf/update.d/unbound")  # of an unbound on this machine
    m.path("/run/resolvconf/interface").mkdir(parents=True)
    m.write("/run/resolvconf/enable-updates", "")
    m.link("/etc/resolv.conf", "/run/resolvconf/resolv.conf")
    lease(m, "eth0.dhclient", *PROVIDERS[:2])
    return m.start()


@pytest.fixture
def openresolv(machine):
    m = machine("openresolv")
    lease(m, "eth0.dhclient", *PROVIDERS[:2])
    return m.start()


@pytest.mark.parametrize("program,file,name", [("resolvconf", "/etc/resolvconf/resolv.conf.d/head", "resolvconf"),
                                               ("openresolv", "/etc/resolvconf.conf", "openresolv")])
def test_resolvconf_writes_jidnsd_first_and_goes_on_with_leases(request, program, file, name):
    m = request.getfixturevalue(program)
    assert servers(m) == ["192.0.2.53", "192.0.2.54"]
    before = m.states(file, "/run/resolvconf/resolv.conf")
    done = m.enable()
    assert f"written by {name}. " in done.stdout and "then run: resolvconf -u" in done.stdout
    assert servers(m) == ["127.0.0.1", "192.0.2.53", "192.0.2.54"]
    assert m.asks() == {"192.0.2.53:53", "192.0.2.54:53"}

    lease(m, "eth0.dhclient", PROVIDERS[2])
    assert servers(m) == ["127.0.0.1", "192.0.2.55"] and "search lab" in m.read("/etc/resolv.conf")
    assert m.asks_soon("192.0.2.55:53")
    lease(m, "eth0.dhclient", *PROVIDERS[:2])

    m.disable()
    after = m.states(file, "/run/resolvconf/resolv.conf")
    for written in ("/etc/resolv.conf", "/run/resolvconf/resolv.conf"):  # by resolvconf itself, later
        before[written], after[written] = ((seen[written][0] if seen[written] else None) for seen in (before, after))
    assert after == before


def test_lines_of_the_administrators_behind_those_of_jidns_outlive_disable(openresolv):
    openresolv.write("/etc/resolvconf.conf", "resolv_conf=/etc/resolv.conf\n")
    openresolv.enable()
    text = openresolv.read("/etc/resolvconf.conf").replace("# end: jidns host\n", "") + "search_domains=mine.lab\n"
    openresolv.path("/etc/resolvconf.conf").write_text(text)
    assert "jidns took its own lines out" in openresolv.disable().stderr
    assert openresolv.read("/etc/resolvconf.conf") == "resolv_conf=/etc/resolv.conf\nsearch_domains=mine.lab\n"


def test_a_hook_of_resolvconf_that_fails_does_not_matter_when_resolv_conf_is_right(resolvconf):
    resolvconf.write("/etc/resolvconf/update.d/zz-broken", "#!/bin/sh\nexit 3\n", 0o755)
    done = resolvconf.enable()
    assert '"resolvconf -u" failed' in done.stderr and servers(resolvconf) == ["127.0.0.1", *PROVIDERS[:2]]


# ---- DHCP clients ----

def dhclient(m, *addresses):
    """A lease, as dhclient gives it to its script."""
    return m.run("sh", "-c", "PATH=/usr/sbin:/usr/bin:/sbin:/bin; . /etc/dhcp/dhclient-enter-hooks.d/debug; set_hostname() { :; }; "
                 "for hook in /etc/dhcp/dhclient-enter-hooks.d/*; do . $hook; done; wait_for_rw() { :; }; "
                 "eval \"$(sed -n '/^make_resolv_conf()/,/^}/p' /sbin/dhclient-script)\"; make_resolv_conf",
                 env={"reason": "BOUND", "interface": "eth0", "new_domain_name_servers": " ".join(addresses), "new_domain_name": "lab"})


def test_dhclient_writes_jidnsd_before_the_servers_of_its_leases(machine):
    m = machine("isc-dhcp-client")
    running = runs(m, "dhclient")
    assert dhclient(m, *PROVIDERS[:2]).returncode == 0 and servers(m) == list(PROVIDERS[:2])
    m.start()
    hook = "/etc/dhcp/dhclient-enter-hooks.d/zz-jidns"
    before = m.states(hook)
    assert "written by dhclient" in m.enable().stdout
    assert servers(m) == ["127.0.0.1", *PROVIDERS[:2]]
    m.disable()
    assert m.states(hook) == before

    m.enable()
    dhclient(m, PROVIDERS[2])
    assert servers(m) == ["127.0.0.1", PROVIDERS[2]] and m.asks_soon("192.0.2.55:53")
    assert m.disable().stderr == ""
    assert servers(m) == [PROVIDERS[2]] and not m.path(hook).exists()
    running.kill()
    running.wait()


def dhcpcd(m, *addresses):
    hooks = next(name for name in ("/usr/lib/dhcpcd/dhcpcd-run-hooks", "/usr/libexec/dhcpcd-run-hooks") if m.path(name).exists())
    return m.run(hooks, env={"reason": "BOUND", "interface": "eth0", "if_up": "true", "if_down": "false", "if_configured": "true",
                             "protocol": "dhcp", "ifname": "eth0.dhcp", "interface_order": "eth0", "new_domain_name_servers": " ".join(addresses)})


def test_dhcpcd_writes_jidnsd_before_the_servers_of_its_leases(machine):
    m = machine("dhcpcd-base")
    dhcpcd(m, *PROVIDERS[:2])
    assert servers(m) == list(PROVIDERS[:2])
    m.start()
    before = m.states("/etc/resolv.conf.head")
    assert "written by dhcpcd" in m.enable().stdout
    m.disable()
    assert m.states("/etc/resolv.conf.head") == before

    m.enable()
    dhcpcd(m, PROVIDERS[2])
    assert servers(m) == ["127.0.0.1", PROVIDERS[2]] and m.asks_soon("192.0.2.55:53")
    assert m.disable().stderr == ""
    assert servers(m) == [PROVIDERS[2]] and not m.path("/etc/resolv.conf.head").exists()


# ---- NetworkManager's dispatcher, cloud-init ----

NM = "# Generated by NetworkManager\nsearch lab\n"
NM_FILES = ("/etc/NetworkManager/conf.d/zz-jidns.conf", "/etc/NetworkManager/dispatcher.d/50-jidns", "/etc/NetworkManager/conf.d")


def network(m, *addresses):
    m.write("/run/NetworkManager/no-stub-resolv.conf", NM + "".join(f"nameserver {a}\n" for a in addresses))


@pytest.fixture
def managed(machine):
    m = machine("network-manager")
    m.write("/usr/bin/nmcli", "#!/bin/sh\necho $* >>/run/nmcli\n", 0o755)
    running = runs(m, "NetworkManager")
    network(m, *PROVIDERS[:2])
    m.write("/etc/resolv.conf", m.read("/run/NetworkManager/no-stub-resolv.conf"))
    yield m.start()
    running.kill()
    running.wait()


def test_networkmanagers_dispatcher_writes_jidnsd_before_its_servers(managed):
    before = managed.states(*NM_FILES)
    assert "written by NetworkManager" in managed.enable().stdout
    enabled = managed.read("/etc/resolv.conf")
    assert enabled == NM + FIRST + "nameserver 192.0.2.53\nnameserver 192.0.2.54\n"
    assert managed.run("/etc/NetworkManager/dispatcher.d/50-jidns", "eth0", "up").returncode == 0
    assert managed.read("/etc/resolv.conf") == enabled
    managed.disable()
    assert managed.states(*NM_FILES) == before and managed.read("/run/nmcli") == "general reload\n" * 2


def test_a_new_network_of_networkmanagers_reaches_jidnsd_and_survives_disable(managed):
    managed.enable()
    network(managed, PROVIDERS[2], *PROVIDERS[:2])
    managed.run("/etc/NetworkManager/dispatcher.d/50-jidns", "eth0", "up")
    assert servers(managed) == ["127.0.0.1", PROVIDERS[2], PROVIDERS[0]]
    assert managed.asks_soon("192.0.2.55:53")
    assert managed.disable().stderr == ""
    assert managed.read("/etc/resolv.conf") == managed.read("/run/NetworkManager/no-stub-resolv.conf")


@pytest.mark.parametrize("end", ["exit 2", "kill -KILL $$", "kill -TERM $PPID"], ids=["fails", "is killed", "script is killed"])
def test_a_dispatcher_that_cannot_write_leaves_all_as_it_was(managed, end):
    managed.enable()
    before = managed.states()
    network(managed, PROVIDERS[2])
    managed.write("/run/broken/awk", f"#!/bin/sh\necho half\n{end}\n", 0o755)
    done = managed.run("/etc/NetworkManager/dispatcher.d/50-jidns", "eth0", "up", env={"PATH": "/run/broken:/usr/bin:/bin"})
    assert done.returncode == 1 and managed.states() == before
    assert not managed.path("/etc/resolv.conf.jidns-nm").exists()


def test_a_link_to_networkmanagers_file_comes_back(managed):
    network(managed, *PROVIDERS)
    managed.run("cp", "/run/NetworkManager/no-stub-resolv.conf", "/run/NetworkManager/resolv.conf")
    managed.link("/etc/resolv.conf", "/var/run/NetworkManager/resolv.conf")
    before = managed.states(*NM_FILES)
    managed.enable()
    network(managed, PROVIDERS[2])
    managed.run("/etc/NetworkManager/dispatcher.d/50-jidns", "eth0", "up")
    assert servers(managed) == ["127.0.0.1", PROVIDERS[2]]
    managed.disable()
    assert managed.states(*NM_FILES) == before


def test_cloud_init_is_told_to_leave_resolv_conf_alone(machine):
    m = machine("cloud-init")
    m.write("/etc/resolv.conf", "# Your system has been configured with 'manage-resolv-conf' set to true.\nnameserver 192.0.2.53\n")
    m.start()
    before = m.states("/etc/cloud/cloud.cfg.d/99-jidns.cfg")
    assert "written by cloud-init" in m.enable().stdout
    assert m.read("/etc/cloud/cloud.cfg.d/99-jidns.cfg").endswith("manage_resolv_conf: false\n")
    m.disable()
    assert m.states("/etc/cloud/cloud.cfg.d/99-jidns.cfg") == before


# ---- systemd-resolved's files; tests/boot has the program itself ----

RESOLVED = """
printf '%s\n' "$(sed -n 's/^DNS=//p' /etc/systemd/resolved.conf.d/*.conf 2>/dev/null | tail -n 1) {providers}" |
  tr ' ' '\\n' | sed -n 's/^./nameserver &/p' >/run/systemd/resolve/new
mv /run/systemd/resolve/new /run/systemd/resolve/resolv.conf
"""
DROP_IN = ("/etc/systemd/resolved.conf.d", "/etc/systemd/resolved.conf.d/zz-jidns.conf")


@pytest.fixture
def resolved(machine):
    """systemctl restart writes resolved's list as resolved does: its own servers, then those of links."""
    m = machine("systemd-resolved")
    m.path("/run/systemd/resolve").mkdir(parents=True)
    m.write("/usr/bin/systemctl", "#!/bin/sh\n" + RESOLVED.format(providers=" ".join(PROVIDERS[:2])), 0o755)
    m.write("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n")
    m.run("systemctl")
    m.link("/etc/resolv.conf", "../run/systemd/resolve/resolv.conf")
    running = runs(m, "systemd-resolve")
    yield m
    running.kill()
    running.wait()


@pytest.mark.parametrize("target", ["../run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/resolv.conf"], ids=["stub", "uplink"])
def test_resolved_names_jidnsd_first_and_the_link_comes_back(resolved, target):
    resolved.start()
    resolved.link("/etc/resolv.conf", target)
    before = resolved.states(*DROP_IN)
    resolved.enable()
    assert servers(resolved) == ["127.0.0.1", *PROVIDERS[:2]] and resolved.asks() == {"192.0.2.53:53", "192.0.2.54:53"}
    resolved.disable()
    assert resolved.states(*DROP_IN) == before and "127.0.0.1" not in resolved.read("/run/systemd/resolve/resolv.conf")


@pytest.mark.parametrize("name", ["dns.conf", "jidns.conf", "s.conf", "a.conf"])
def test_a_drop_in_of_any_name_that_wants_tls_is_heeded(resolved, name):
    resolved.start()
    resolved.write(f"/etc/systemd/resolved.conf.d/{name}", "[Resolve]\nDNS=192.0.2.53\nDNSOverTLS=yes\n")
    before = resolved.states(*DROP_IN)
    done = resolved.host("enable", "--yes")
    assert done.returncode == 1 and "asks over TLS (DNSOverTLS=yes)" in done.stderr
    assert resolved.states(*DROP_IN) == before


@pytest.mark.parametrize("name", ["dns.conf", "jidns.conf"])
def test_servers_of_a_drop_in_of_any_name_stay_behind_jidnsd(resolved, name):
    resolved.start()
    resolved.write(f"/etc/systemd/resolved.conf.d/{name}", "[Resolve]\nDNS=192.0.2.55\n")
    resolved.enable()
    assert "DNS=127.0.0.1 192.0.2.55\n" in resolved.read(DROP_IN[1])
    resolved.disable()


def test_a_ring_of_resolved_is_said_by_status(resolved):
    resolved.start("--upstream", "127.0.0.53")
    resolved.write("/run/systemd/resolve/resolv.conf", "nameserver 127.0.0.1\nnameserver 192.0.2.53\n")
    done = resolved.host("status")
    assert done.returncode == 1 and "A RING       systemd-resolved asks jidnsd, and jidnsd asks systemd-resolved (127.0.0.53)" in done.stdout


def test_a_change_that_would_be_a_ring_is_undone(resolved):
    resolved.start("--upstream", "127.0.0.53")
    before = resolved.states(*DROP_IN)
    done = resolved.host("enable", "--yes")
    assert done.returncode == 1 and "that would be a ring" in done.stderr and "everything is as it was before" in done.stderr
    assert resolved.states(*DROP_IN) == before


def test_a_command_that_fails_undoes_all(resolved):
    resolved.start()
    resolved.write("/usr/bin/systemctl", "#!/bin/sh\nexit 1\n", 0o755)
    before = resolved.states(*DROP_IN)
    done = resolved.host("enable", "--yes")
    assert done.returncode == 1 and '"systemctl restart systemd-resolved" failed' in done.stderr
    assert resolved.states(*DROP_IN) == before | {"/var/lib/jidns-host": resolved.states()["/var/lib/jidns-host"]}


def test_a_command_that_talks_works_though_nobody_reads_it(resolved):
    resolved.start()
    script = "#!/bin/sh\nset -e\necho one >&2\necho two\n" + RESOLVED.format(providers=" ".join(PROVIDERS[:2]))
    resolved.write("/usr/bin/systemctl", script, 0o755)
    before = resolved.states(*DROP_IN)
    writer = closed_pipe()
    done = subprocess.run(resolved.argv([program(), "host", "enable", "--yes"]), stdout=subprocess.DEVNULL, stderr=writer,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == 0 and servers(resolved) == ["127.0.0.1", *PROVIDERS[:2]]
    assert resolved.disable().stderr == "one\ntwo\n"
    assert resolved.states(*DROP_IN) == before


def test_the_files_of_another_system_are_changed_below_root(resolved):
    """Nothing of a manager's is run for it."""
    resolved.start()
    resolved.write("/usr/bin/systemctl", "#!/bin/sh\nexit 1\n", 0o755)
    resolved.write("/mnt/image/etc/resolv.conf", "nameserver 192.0.2.53\n")
    done = resolved.enable("--root", "/mnt/image")
    assert resolved.read("/mnt/image/etc/resolv.conf") == FIRST + "nameserver 192.0.2.53\n" and done.stderr == ""
    assert REMARK not in resolved.read("/etc/resolv.conf")
    assert resolved.host("disable", "--root", "/mnt/image").returncode == 0
    assert resolved.read("/mnt/image/etc/resolv.conf") == "nameserver 192.0.2.53\n"


# ---- rings through other resolvers ----

@pytest.mark.parametrize("name,path,ring", [("unbound", "/etc/unbound/unbound.conf.d/forward.conf", 'forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1\n'),
                                            ("dnsmasq", "/etc/dnsmasq.d/forward.conf", "no-resolv\nserver=127.0.0.1#53\n")])
def test_a_ring_through_another_resolver_of_this_machine_is_said(machine, name, path, ring):
    m = machine().start("--upstream", "127.0.0.2")
    m.write(path, ring.replace("127.0.0.1", "192.0.2.53"))
    running = runs(m, name)
    assert wait_until(lambda: "none seen" in m.host("status").stdout, 5)
    m.write(path, ring)
    done = m.host("status")
    assert done.returncode == 1 and f"A RING       {name} " in done.stdout
    running.kill()
    running.wait()
    assert "none seen" in m.host("status").stdout
