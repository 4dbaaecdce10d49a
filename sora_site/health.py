"""Is the process alive, can it serve, and what does it count."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from sora_site import metrics as counted

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers. Touches nothing else, so it can't flap with the database."""
    return JsonResponse({"status": "ok", "version": settings.VERSION})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served, else 503; `checks` names what is missing.

    A missing worker is reported but doesn't take the site out of service: pages and the queue work.
    """
    checks = {}
    for name, check in CHECKS.items():
        if name in IN_DATABASE and checks["database"] != "ok":
            checks[name] = "not asked: the database is away"  # each would wait as long again
        else:
            checks[name] = _outcome(check)
    needed = ("database", "valkey", "migrations")
    ready = all(checks[name] == "ok" for name in needed)
    body = {"status": "ok" if ready else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text. Open to this machine; elsewhere it wants METRICS_TOKEN as a bearer token."""
    if not _may_scrape(request):
        return HttpResponse(status=404)
    return HttpResponse(generate_latest(counted.registry), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    if token:
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return constant_time_compare(offered, token)
    proxied = "X-Forwarded-For" in request.headers
    return not proxied and request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"}


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:
        logger.warning("readiness check failed", exc_info=True)
        return type(error).__name__  # the text may hold addresses; the log has it


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _valkey() -> str:
    cache.set("readyz", "ok", 10)
    return "ok" if cache.get("readyz") == "ok" else "does not keep what it is given"


_migrated = False


def _migrations() -> str:
    """Once they are applied the answer is remembered: nothing un-applies them below a running site."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "ok" if _migrated else "unapplied migrations: run `./sora manage migrate`"


def _worker() -> str:
    from generation.models import WorkerBeat

    since = timezone.now() - timedelta(seconds=30)
    if WorkerBeat.objects.filter(seen_at__gte=since).exists():
        return "ok"
    return "no worker seen for 30 s: jobs wait"


def _screening() -> str:
    """What is not set up makes thresholds tighter; it takes nothing out of service."""
    from generation.policies import active_policy
    from generation.screening import filters_set_up
    from moderation.screening.policy import FILTERS

    version = active_policy().version
    absent = [name for name in FILTERS if name not in filters_set_up()]
    if not absent:
        return "ok"
    return f"ok, with tighter thresholds under policy {version}: not set up are {', '.join(absent)}"


def _vision() -> str:
    """What nothing here can judge is closed; that takes nothing else out of service."""
    from generation.closed import closed

    found = closed()
    return "ok" if not found else "ok, closed: " + ", ".join(item.code for item in found)


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "valkey": _valkey,
    "migrations": _migrations,
    "worker": _worker,
    "screening": _screening,
    "vision": _vision,
}
IN_DATABASE = {"migrations", "worker", "screening"}
