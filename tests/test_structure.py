"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models import Model

from sora_site.lib.errors import SoraError
from sora_site.management.commands.bench import benchmarks

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "billing", "generation", "feeds", "moderation")

# Models without a workspace, and why.
NOT_OF_A_WORKSPACE = {
    "accounts.User": "a person may be in many workspaces",
    "accounts.Workspace": "it is the workspace",
    "accounts.AgeAttestation": "belongs to the person",
    "accounts.AgeRefusal": "of somebody who was not let in",
    "accounts.Restriction": "of a person, in whichever workspace they are",
    "accounts.StaffRole": "somebody's work for the whole installation",
    "feeds.FeedWish": "a person's own sentence, wherever they work",
    "feeds.Follow": "between two people",
    "feeds.HiddenTopic": "what a person does not want to see, wherever they work",
    "feeds.PersonFilter": "between two people",
    "generation.QueueClock": "one row for the whole queue",
    "generation.PolicyVersion": "decides for the whole site",
    "generation.PolicyActivation": "decides for the whole site",
    "generation.UploadAgreement": "somebody's own word, in whichever workspace they upload",
    "generation.WorkerBeat": "a process of the operator",
    "moderation.Campaign": "a round of tests of the whole installation",
    "moderation.CanaryResult": "about the checks, not about anybody's workspace",
    "moderation.EvalCase": "of a set that measures the whole installation",
    "moderation.EvalRun": "a measurement of the whole installation",
    "moderation.EvalSet": "measures the whole installation",
    "moderation.Flag": "of the whole installation",
    "moderation.FlagMember": "a person, in whichever workspace they work",
    "moderation.HashBank": "a list of known material for the whole installation",
    "moderation.HashEntry": "of such a list",
    "moderation.HashImport": "a reading of such a list",
    "moderation.PeriodReport": "figures of the whole installation",
    "moderation.PolicyDraft": "decides for the whole site",
    "moderation.RedTeamFinding": "about the checks, not about anybody's workspace",
    "moderation.TrustedFlagger": "somebody's reports about the whole site",
    "moderation.RedTeamRun": "a measurement of the whole installation",
    "moderation.ReviewerSettings": "how one of the staff works",
    "moderation.SavedFilter": "how one of the staff works",
}


def own_models() -> list[type[Model]]:
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def test_every_model_belongs_to_a_workspace_or_says_why_not() -> None:
    stray = [
        model._meta.label
        for model in own_models()
        if "workspace" not in {field.name for field in model._meta.get_fields()}
        and model._meta.label not in NOT_OF_A_WORKSPACE
    ]

    assert stray == []


def test_the_list_of_exceptions_names_only_models_that_exist() -> None:
    assert set(NOT_OF_A_WORKSPACE) <= {model._meta.label for model in own_models()}


def python_files(*names: str) -> Iterator[Path]:
    """In an app or one of its packages; `upload_api.py` counts as an `api.py`."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if any(path.name == name or path.name.endswith(f"_{name}") for name in names):
                yield path


WRITES = {"save", "create", "delete", "bulk_create", "update_or_create", "get_or_create", "update"}


def test_views_do_not_write() -> None:
    """They parse, look up, call one service and render."""
    found = []
    for path in python_files("api.py", "views.py", "console.py", "consumers.py", "pages.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if node.func.attr in WRITES and ".objects" in owner:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {owner}.{node.func.attr}")

    assert found == []


def test_every_setting_is_documented() -> None:
    source = (ROOT / "sora_site" / "settings.py").read_text()
    read = set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z0-9_]+)"', source))
    documented = (ROOT / "docs" / "settings.md").read_text()

    assert read
    assert {name for name in read if f"`{name}`" not in documented} == set()


def test_every_check_is_documented() -> None:
    source = (ROOT / "sora_site" / "checks.py").read_text()
    documented = (ROOT / "docs" / "settings.md").read_text()

    raised = set(re.findall(r'id="(sora\.[EW]\d{3})"', source))
    assert {name for name in raised if f"`{name}`" not in documented} == set()


def error_classes() -> dict[str, type[SoraError]]:
    for app in APPS:
        importlib.import_module(f"{app}.errors")
    found: dict[str, type[SoraError]] = {}
    waiting = list(SoraError.__subclasses__())
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        found[f"{error.__module__}.{error.__name__}"] = error
    return found


def test_every_error_code_is_documented() -> None:
    documented = (ROOT / "docs" / "api.md").read_text()
    codes = {error.code for error in error_classes().values()}

    assert {code for code in codes if f"`{code}`" not in documented} == set()


def test_every_error_says_something_a_person_can_read() -> None:
    for name, error in error_classes().items():
        assert error.message != SoraError.message or error is SoraError, name
        assert error.message.endswith((".", "?", "!")), name


@pytest.mark.django_db
def test_the_migrations_match_the_models() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_page_loads_anything_from_another_host() -> None:
    loads = re.compile(
        r"""(?:src|srcset)=["']https?:|<link[^>]+href=["']https?:|url\(["']?https?:"""
    )
    files = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").rglob("*.[cj]s*")]

    assert files
    assert [str(path) for path in files if loads.search(path.read_text(errors="ignore"))] == []


def test_templates_have_no_inline_script_or_style() -> None:
    """The content policy refuses them, silently for whoever wrote one."""
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*type=.application/json)[^>]*>|\son\w+=|\sstyle="
    )
    found = {
        str(path.relative_to(ROOT)): match.group(0)
        for path in (ROOT / "templates").rglob("*.html")
        if (match := inline.search(path.read_text())) and "nonce" not in match.group(0)
    }

    assert found == {}


def test_every_benchmark_says_what_it_measures() -> None:
    assert {"delivery", "crash", "start", "feed-depth"} <= set(benchmarks())
    assert all(benchmarks().values())


def test_decisions_are_short_and_no_number_is_used_twice() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))

    assert len({path.name[:4] for path in files}) == len(files) > 0
    assert [path.name for path in files if len(path.read_text().splitlines()) > 60] == []
