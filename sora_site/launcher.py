"""What `./sora` runs: make the environment when it is missing or old, then become the command.

Standard library only, because nothing is installed yet when it runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sora_site.embedded.progress import Bar  # noqa: E402  (needs the path above; no Django in it)

TORCH = "torch==2.13.0"
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

COMMANDS = {
    "up": "start the site here: database, web server and worker, until Ctrl-C",
    "generate": 'make a clip: ./sora generate "PROMPT" --seconds 4 -o clip.mp4',
    "verify": "say where a file comes from: ./sora verify FILE",
    "bench": "list the benchmarks, or run one: ./sora bench NAME --json",
    "doctor": "say what is found, what is missing and what to set",
    "test": "run every check and test; arguments go to pytest instead",
    "lint": "run the linters and the type checker only",
    "manage": "Django's own commands: ./sora manage migrate",
}


def main(arguments: Sequence[str]) -> NoReturn:
    command, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if command in {"", "-h", "--help", "help"}:
        usage()
        sys.exit(0)
    if command not in COMMANDS:
        print(f"sora: there is no command {command!r}.\n", file=sys.stderr)
        usage(sys.stderr)
        sys.exit(2)
    try:
        python = Environment().ready(with_checks=command in {"test", "lint"})
    except SetUpError as error:
        sys.exit(f"sora: {error}")
    except KeyboardInterrupt:
        sys.exit("sora: stopped while setting up; the next start goes on from here")
    environment = os.environ | {"VIRTUAL_ENV": str(python.parent.parent), "PYTHONNOUSERSITE": "1"}
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)  # without kept bytecode every start takes three times as long
    if command in {"test", "lint"}:
        sys.exit(run_checks(python, environment, rest, only_lint=command == "lint"))
    manage = [str(python), str(ROOT / "manage.py")]
    line = manage + rest if command == "manage" else [*manage, command, *rest]
    if command != "manage":
        environment.setdefault("PYTHONWARNINGS", "ignore")
    sys.stdout.flush()
    os.execve(line[0], line, environment)


def usage(stream: object = None) -> None:
    lines = ["usage: ./sora COMMAND [ARGUMENTS]", ""]
    lines += [f"  {name:<10} {text}" for name, text in COMMANDS.items()]
    lines += ["", "./sora COMMAND --help says more. README.md is the place to start."]
    print("\n".join(lines), file=stream or sys.stdout)  # type: ignore[arg-type]


# --- the environment ------------------------------------------------------------------------


class SetUpError(Exception):
    """The environment can't be made. The message says what to do."""


class Environment:
    """The virtual environment of this checkout, installed from the lock files when they changed."""

    def __init__(self) -> None:
        self.folder = Path(os.environ.get("SORA_VENV") or ROOT / ".venv").expanduser()
        self.python = self.folder / "bin" / "python"

    def ready(self, *, with_checks: bool) -> Path:
        """The environment's Python, after installing what is missing. Safe to call side by side."""
        wanted = self.wanted(with_checks)
        if self.has(wanted):
            return self.python
        with self.alone():
            if not self.has(wanted):  # somebody else may have done it while we waited
                self.install(with_checks)
        return self.python

    def wanted(self, with_checks: bool) -> dict[str, str]:
        """Stamp name -> content. One stamp for each step, so an interrupted set-up goes on there."""
        version = f"python {sys.version_info[0]}.{sys.version_info[1]} at {self.folder}\n"
        stamps = {
            "run": version + _digest(ROOT / "requirements.lock"),
            "torch": version + f"{TORCH} {'gpu' if has_gpu() else 'cpu'}",
        }
        if with_checks:
            stamps["dev"] = version + _digest(ROOT / "requirements-dev.lock")
        return stamps

    def has(self, wanted: dict[str, str]) -> bool:
        return self.python.exists() and all(self._stamped(n, text) for n, text in wanted.items())

    def _stamped(self, name: str, text: str) -> bool:
        try:
            return (self.folder / f".sora-{name}").read_text() == text
        except OSError:
            return False

    def _stamp(self, name: str, text: str) -> None:
        (self.folder / f".sora-{name}").write_text(text)

    def alone(self) -> object:
        """One process at a time sets up; the kernel drops the lock if it dies."""
        return _Lock(ROOT / "requirements.lock")

    def install(self, with_checks: bool) -> None:
        wanted = self.wanted(with_checks)
        began = time.monotonic()
        print("Setting up the environment (once; a few minutes, mostly downloads)", file=sys.stderr)
        with Bar() as bar:
            bar.show(1, "making the virtual environment")
            self._make_folder()
            pip = Pip(self.python, bar)
            pip.bring_up_to_date()
            if not self._stamped("run", wanted["run"]):
                pip.install_lock(ROOT / "requirements.lock", 5, 60, "packages")
                self._stamp("run", wanted["run"])
            if not self._stamped("torch", wanted["torch"]):
                pip.install_torch(60, 90 if with_checks else 99)
                self._stamp("torch", wanted["torch"])
            if "dev" in wanted and not self._stamped("dev", wanted["dev"]):
                pip.install_lock(ROOT / "requirements-dev.lock", 90, 99, "test tools")
                self._stamp("dev", wanted["dev"])
            bar.show(100, "done")
        print(f"Environment ready after {time.monotonic() - began:.0f} s", file=sys.stderr)

    def _make_folder(self) -> None:
        if self.python.exists() and self._works():
            return
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            _make_virtual_environment(self.folder)
        except OSError as error:
            raise SetUpError(
                f"{self.folder} can't be made ({error.strerror or error}). "
                "Set SORA_VENV to a folder this account may write."
            ) from error

    def _works(self) -> bool:
        """Whether its Python is ours and starts (the system's may have been upgraded meanwhile)."""
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        code = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
        try:
            return subprocess.run([self.python, "-c", code], check=False).returncode == 0
        except OSError:
            return False


def _make_virtual_environment(folder: Path) -> None:
    """With the standard library; without ensurepip (Debian's python3 alone) with `virtualenv`."""
    made = subprocess.run(
        [sys.executable, "-I", "-m", "venv", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode == 0:
        return
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as tools:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", tools, "virtualenv"]
        steps = [
            pip,
            [sys.executable, "-c", _VIRTUALENV, tools, str(folder)],
        ]
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SetUpError(
                    "This Python can make no virtual environment (no ensurepip, and `virtualenv` "
                    "could not be installed). Debian and Ubuntu: apt install python3-venv.\n"
                    + (made.stderr or made.stdout).strip()[-400:]
                )


_VIRTUALENV = (
    "import sys; sys.path.insert(0, sys.argv[1]); import virtualenv as v; v.cli_run(sys.argv[2:])"
)


def has_gpu() -> bool:
    """An NVIDIA driver that answers; asked of the kernel, because nvidia-smi takes a second."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Lock:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.file = self.path.open("rb")  # opened for reading: works in a read-only checkout too
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another ./sora is setting up the environment; waiting for it", file=sys.stderr)
            fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *unused: object) -> None:
        self.file.close()


# --- pip --------------------------------------------------------------------------------------


class Pip:
    """pip of the environment, quiet, with its progress on our bar."""

    def __init__(self, python: Path, bar: Bar) -> None:
        self.python = python
        self.bar = bar
        self.packages = next((python.parent.parent / "lib").glob("python*")) / "site-packages"

    def bring_up_to_date(self) -> None:
        """pip before 25 takes twice as long. Without a newer one at hand the old one will do."""
        self.bar.show(3, "bringing pip up to date")
        if self._version() < 25:
            self._run(["install", "-q", "--upgrade", "pip"])

    def install_lock(self, lock: Path, start: float, end: float, what: str) -> None:
        """Exactly the lock's files, checked against its hashes."""
        total = sum("==" in line and not line.startswith((" ", "#")) for line in lock.open())
        arguments = ["--require-hashes", "--no-deps", "--no-compile", "-r", str(lock)]
        status, output = self._run(
            ["install", *arguments], span=(start, end), total=total, what=what
        )
        if status:
            raise SetUpError(_pip_failed(f"Installing {lock.name} failed.", output))

    def install_torch(self, start: float, end: float) -> None:
        """torch in a step of its own: the machine decides between the CPU and the CUDA build.

        With an NVIDIA GPU: the default build with its CUDA libraries. Without: no libraries, unless
        pip's settings lead to a build that can't start without them.
        """
        gpu = has_gpu()
        arguments = [TORCH, "--no-compile"]
        if not gpu:
            arguments.append("--no-deps")
        what = "torch (a GPU build: several GB)" if gpu else "torch"
        status, output = self._run(["install", *arguments], span=(start, end), total=0, what=what)
        if status == 0 and not gpu and not self._torch_starts():
            self.bar.show(end - 5, "torch wants its CUDA libraries on this machine: adding them")
            status, output = self._run(
                ["install", TORCH, "--no-compile"],
                span=(end - 5, end),
                total=0,
                what="torch libraries",
            )
        if status:
            raise SetUpError(_pip_failed(f"Installing {TORCH} failed.", output))

    def _torch_starts(self) -> bool:
        code = "import ctypes, importlib.util as u, pathlib as p, sys\n" + (
            "lib = p.Path(u.find_spec('torch').origin).parent / 'lib'\n"
            "sys.exit(0 if not (lib / 'libtorch_cuda.so').exists() else 1)"
        )
        return subprocess.run([self.python, "-c", code], check=False).returncode == 0

    def _version(self) -> int:
        for folder in self.packages.glob("pip-*.dist-info"):
            return int(folder.name.split("-")[1].split(".")[0])
        return 0

    def _installed(self) -> int:
        return sum(1 for _ in self.packages.glob("*.dist-info"))

    def _run(
        self,
        arguments: list[str],
        *,
        span: tuple[float, float] = (0, 0),
        total: int = 0,
        what: str = "",
    ) -> tuple[int, list[str]]:
        """Run pip; move the bar by what it collects (first 70 %) and what lies installed (rest)."""
        line = [str(self.python), "-I", "-m", "pip", *arguments]
        line += ["--progress-bar", "off", "--no-input", "--disable-pip-version-check"]
        line += ["--root-user-action", "ignore"]
        environment = os.environ | {"PYTHONWARNINGS": "ignore", "PIP_NO_COLOR": "1"}
        before = self._installed()
        process = subprocess.Popen(
            line,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=environment,
        )
        assert process.stdout is not None
        output: list[str] = []
        reader = threading.Thread(target=lambda: output.extend(_lines(process.stdout)), daemon=True)
        reader.start()
        start, end = span
        began = time.monotonic()
        try:
            while process.poll() is None:
                if total:
                    collected = sum(text.startswith("Collecting ") for text in output)
                    installed = max(0, self._installed() - before)
                    share = 0.7 * min(1, collected / total) + 0.3 * min(1, installed / total)
                    text = f"installing {what}: {max(collected, installed)} of {total}"
                else:
                    share = 1 - 30 / (30 + time.monotonic() - began)  # unknown length: slows down
                    text = f"installing {what}"
                if end > start:
                    self.bar.show(start + (end - start) * share, text)
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        reader.join(5)
        if end > start and process.returncode == 0:
            self.bar.show(end, f"installed {what}")
        return process.returncode, output


def _lines(stream: object) -> Iterator[str]:
    for line in stream:  # type: ignore[attr-defined]
        yield line.rstrip()


def _pip_failed(what: str, output: list[str]) -> str:
    useful = [line for line in output if line.strip() and not line.startswith(("Collecting", "  "))]
    return (
        f"{what} pip said:\n  "
        + "\n  ".join(useful[-12:])
        + "\nIs there a network or a package index? Run the command again: it goes on where it stopped."
    )


# --- checks -------------------------------------------------------------------------------------


def run_checks(
    python: Path, environment: dict[str, str], arguments: list[str], *, only_lint: bool
) -> int:
    """Linters, import contracts, types, then every test. With arguments: only pytest, with those."""
    bin_folder = python.parent
    environment["PATH"] = f"{bin_folder}{os.pathsep}{environment.get('PATH', '')}"
    for name in ONE_THREAD:
        environment.setdefault(name, "1")
    pytest = [str(python), "-m", "pytest"]
    if arguments and not only_lint:
        return subprocess.run(
            [*pytest, *arguments], cwd=ROOT, env=environment, check=False
        ).returncode
    failed = []
    for name, line in (
        ("ruff", [str(bin_folder / "ruff"), "check", "."]),
        ("import contracts", [str(bin_folder / "lint-imports")]),
        ("types", [str(bin_folder / "mypy")]),
    ):
        print(f"== {name}", flush=True)
        if subprocess.run(line, cwd=ROOT, env=environment, check=False).returncode:
            failed.append(name)
    if only_lint:
        print("failed: " + ", ".join(failed) if failed else "all clean")
        return int(bool(failed))
    if failed:
        print("failed: " + ", ".join(failed) + " (the tests run all the same)", flush=True)
    workers = min(4, os.cpu_count() or 1)
    print("== tests", flush=True)
    tests = subprocess.run(
        [*pytest, "-n", str(workers), "--dist", "loadscope"], cwd=ROOT, env=environment, check=False
    ).returncode
    return tests or int(bool(failed))


if __name__ == "__main__":
    main(sys.argv[1:])
