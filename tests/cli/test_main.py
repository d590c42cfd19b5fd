"""Help to learn from, and errors without tracebacks."""

import configparser
import subprocess
import sys
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch

from lrdgraph import __version__
from lrdgraph.cli import main, parser, texts
from lrdgraph.convert.save import WRITERS

ROOT = Path(__file__).resolve().parents[2]
SHOP = ["train", "--interactions", "f", "--items", "f", "--out"]


def process(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lrdgraph", *argv]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_console_script_is_the_command_line():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    value = config["options.entry_points"]["console_scripts"].split(" = ")[1]
    assert EntryPoint("lrdgraph", value, "console_scripts").load() is main


def test_help_loads_no_torch():
    script = (
        "import sys\nfrom lrdgraph.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: print('torch' in sys.modules, 'pandas' in sys.modules)"
    )
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")


def test_version_in_a_process():
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"lrdgraph {__version__}\n")


def test_error_in_a_process_has_one_line_and_code_2(tmp_path):
    done = process("export", str(tmp_path), "graph.gexf")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("lrdgraph: error: ")
    assert "needs to hold a kept model" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", texts.COMMANDS)
def test_every_command_has_help_with_examples_that_can_be_parsed(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    told = capsys.readouterr().out
    examples = told.split("examples:\n")[1].replace("\\\n", " ").splitlines()
    commands = [line.split() for line in examples if line.startswith("  lrdgraph ")]
    assert commands
    for _, *argv in commands:
        assert parser.make_parser().parse_args(argv).command == command
    assert import_module(f"lrdgraph.cli.{command}").run


@pytest.mark.parametrize("command", ["discover", "train"])
def test_help_tells_what_discovery_does_by_default(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for default in ("8", "marginal", "2000"):
        assert f"(default: {default})" in told


def test_formats_are_those_of_the_library():
    assert {f".{name}" for name in parser.FORMATS} == set(WRITERS)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "required: COMMAND"),
        (["trian"], "'trian'"),
        (["train", "--items", "items.csv", "--out", "m"], "--interactions"),
        (["recommend", "m", "-k", "0"], "needs to be a positive integer (got '0')"),
        (["recommend", "m", "--what"], "--what"),
        (["export", "m", "f.nt", "--min-prob", "2"], "from 0 to 1 (got '2')"),
        (["export", "m", "f.nt", "--min-prob", "nan"], "from 0 to 1 (got 'nan')"),
        (["discover", "--num-latent", "-1"], "an integer from 0 (got '-1')"),
        (["train", "--max-length", "0"], "a positive integer (got '0')"),
        (["train", "--sequence-encoder", "tisasrec"], "'tisasrec'"),
        (["train", "--relation-weight", "inf"], "a finite number (got 'inf')"),
        (["add", "m", "--prominence", "nan"], "a finite number (got 'nan')"),
        (["train", "--relation-weight", "-1"], "a number from 0 (got '-1')"),
        (["discover", "--format", "dot"], "'dot'"),
    ],
)
def test_wrong_options_are_told_in_a_line(argv, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("lrdgraph: error: ")
    assert said in told
    assert "--help' tells more" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["export", "no/such-model", "a.gexf"], "there is no folder"),
        (["embed", "no.csv", "--encoder", "hash"], "there is no file 'no.csv'"),
        (["recommend", "m", "--user", "u1"], "--user needs --interactions"),
        (["recommend", "m", "--interactions", "f"], "needs --user ID"),
        (["recommend", "m", "--where", "a=b"], "--where needs --items"),
        (["recommend", "m", "--interactions", "f", "--out", "a.xls"], "'.parquet', '"),
        (["embed", __file__, "--encoder", "hash"], "ends in one of"),
        (["embed", "f", "--out", f"{__file__}/in"], f"(got the file '{__file__}')"),
        (["export", "m", "a.dot"], "'a.dot' needs to end in one of ['.gexf'"),
        (["export", "m", f"{__file__}/a.nt"], "needs to be a folder (got the file"),
        (["report", "m", "tests"], "'tests' needs to be a file (got a folder)"),
        (["add", "m", "--items", "f", "--out", __file__], "(got the file"),
        ([*SHOP, __file__], f"(got the file '{__file__}')"),
        (["discover", *SHOP[1:], __file__], f"(got the file '{__file__}')"),
        (
            ["discover", *SHOP[1:], "r", "--num-latent", "0"],
            "be positive in 'discover'",
        ),
        (["report", "m", "a.html", "--user", "u1"], "--user needs --interactions"),
    ],
)
def test_wrong_files_are_told_in_a_line(argv, said, run, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(ROOT)
    code, out, err = run(*argv)
    assert code == 2
    assert out == ""
    assert err.startswith("lrdgraph: error: ")
    assert said in err
    assert "Traceback" not in err


def test_traceback_is_there_when_asked_for(run):
    with pytest.raises(FileNotFoundError, match="no file"):
        run("embed", "no.csv", "--encoder", "hash", "--traceback")


def map_file(size: int) -> None:
    """What PyTorch says of a file that cannot be mapped, word for word."""
    said = f"unable to mmap {size} bytes from f: Cannot allocate memory (12)"
    raise RuntimeError(said)


@pytest.mark.parametrize("take", [torch.empty, np.empty, bytearray, map_file])
def test_memory_that_runs_out_is_told_in_a_line(run, monkeypatch, take):
    command = import_module("lrdgraph.cli.embed")
    monkeypatch.setattr(command, "run", lambda args: take(2**50))
    code, _, err = run("embed", "items.csv")
    assert code == 2
    assert err.startswith("lrdgraph: error: memory ran out; the page 'How large can I")
    assert err.count("\n") == 1


def test_bugs_keep_their_traceback(run, monkeypatch):
    monkeypatch.setattr("lrdgraph.cli.export.run", lambda args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("export", "m", "a.gexf")


def test_interruption_is_quiet(run, monkeypatch):
    def interrupted(args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lrdgraph.cli.export.run", interrupted)
    assert run("export", "m", "a.gexf") == (130, "", "")


@pytest.fixture
def without_server(monkeypatch):
    """The extra ``serve`` is not installed."""
    for name in [n for n in sys.modules if n.startswith("lrdgraph.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "lrdgraph.cli.serve", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)


def test_serving_without_its_extra_is_told(without_server, run):
    code, _, err = run("serve", "m")
    assert code == 2
    assert "pip install lrdgraph[serve]" in err


def test_serving_on_no_port_is_told(run):
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    code, _, err = run("serve", "m", "--port", 99999)
    assert code == 2
    assert "'port' needs to be from 0 to 65535 (got 99999)" in err


def test_serving_is_asked_with_host_and_port(run, monkeypatch):
    asked = []
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    monkeypatch.setattr("lrdgraph.cli.serve.serve", lambda *given: asked.append(given))
    assert run("serve", "m", "--port", 81).code == 0
    assert asked == [("m", "127.0.0.1", 81)]
