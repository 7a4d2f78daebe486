"""A lesson in JupyterLab itself, in a headless Chromium: opened, all cells run, saved; judged by
the saved file, with a screenshot to look at.

Needs the extra `lessons`, Playwright (`pip install playwright`) and the system's Chromium.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tinygpt.cli import main

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

KERNEL_IS_READY = """() => window.jupyterapp
    && document.querySelector('.jp-Toolbar-kernelName')?.innerText.includes('Python 3')
    && document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"""


@pytest.fixture
def server(tmp_path):
    """JupyterLab over a folder of fresh lessons: (address, folder)."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path / "mine"
    assert main(["lessons", str(folder), "--no-open"]) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        f"--notebook-dir={folder}", "--IdentityProvider.token=", "--expose-app-in-browser",
        "--ServerApp.disable_check_xsrf=True",
    ]  # fmt: skip
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
                                "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}  # fmt: skip
    log = open(tmp_path / "server.log", "wb")  # noqa: SIM115
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=2).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address, folder
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_run_all_in_jupyterlab(server, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    address, folder = server
    path = folder / "05_loss.ipynb"
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.goto(f"{address}/lab/tree/05_loss.ipynb")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=90_000)
        page.wait_for_function(KERNEL_IS_READY, timeout=90_000)
        _execute(page, "notebook:run-all-cells")
        saved = _saved_when_done(page, path)
        check = page.get_by_text("05.1: 0 of 9 points").first
        check.scroll_into_view_if_needed()
        screenshot = tmp_path / "05_loss.png"
        page.screenshot(path=str(screenshot))
        browser.close()
    print(f"look at {screenshot}")
    assert screenshot.stat().st_size > 20_000
    code = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    assert html.count("<img alt=") == 3 and "05.2: 0 of 9 points" in html
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs)


def _execute(page, command):
    """Start a command of JupyterLab's, without waiting for its promise."""
    page.evaluate(f"() => {{ window.jupyterapp.commands.execute('{command}') }}")


def _saved_when_done(page, path):
    """Save until every code cell has run; the notebook on disk."""
    for _ in range(120):
        _execute(page, "docmanager:save")
        time.sleep(1)
        saved = json.loads(path.read_text(encoding="utf-8"))
        code = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
        if all(cell["execution_count"] for cell in code):
            return saved
    pytest.fail("not all cells had run after two minutes")
