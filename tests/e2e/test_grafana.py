"""The dashboard and the alerts of contrib/grafana, with a real Prometheus and real numbers."""

import pathlib
import shutil
import subprocess
import sys
import urllib.request

import pytest

from kit.ask import ask
from kit.netns import free_ports
from kit.proc import Process, wait_until

GRAFANA = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "grafana"
pytestmark = pytest.mark.skipif(not shutil.which("prometheus") or not shutil.which("promtool"),
                                reason="Prometheus is not installed (Debian: prometheus)")
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{rules}']
scrape_configs: [{{job_name: jidns, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]
"""


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False, cwd=GRAFANA)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_none_on_a_quiet_day():
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


@pytest.fixture(name="prometheus")
def fixture_prometheus(tmp_path, track):
    made = []

    def start(port):
        config, web = tmp_path / "prometheus.yml", free_ports()
        config.write_text(CONFIG.format(rules=GRAFANA / "alerts.yml", port=port), encoding="ascii")
        made.append(track(Process("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data",
                                                 f"--web.listen-address=127.0.0.1:{web}"], tmp_path)))
        return f"http://127.0.0.1:{web}"
    yield start
    for process in made:
        process.stop()


def scrapes(url):
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?query=count_over_time(jidns_workers[1m])", timeout=5) as reply:
            text = reply.read().decode()
    except OSError:
        return 0
    return int(text.rsplit('"', 2)[-2]) if '"value"' in text else 0


def test_every_panel_of_the_dashboard_has_something_to_show(relay, jidnsd, prometheus):
    port = free_ports()
    daemon = jidnsd("--upstream", relay.address, "--metrics", f"127.0.0.1:{port}")
    url = prometheus(port)
    rounds = 0

    def load():
        nonlocal rounds
        rounds += 1
        for name, rdtype in ((f"n{rounds}.hosted.lab", "A"), ("_xmpp-client._tcp.full.lab", "SRV"), ("no.such.lab", "A")):
            ask(daemon.v4, name, rdtype)
        return scrapes(url) >= 4

    assert wait_until(load, 30, 0.1)
    done = subprocess.run([sys.executable, GRAFANA / "check", url], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
