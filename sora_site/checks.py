"""Start-up checks. Ids are stable: docs/settings.md lists them, operators may silence a warning by id.

Errors stop every command, so only what can't work at all is one.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1", ""}
DAYS_BEFORE_EXPIRY = 14


def _is_public() -> bool:
    """Whether the site says it is reachable by others than the person at this machine."""
    return (urlsplit(settings.PUBLIC_URL).hostname or "") not in LOCAL_HOSTS


@register("sora")
def check_state_folder(**kwargs: Any) -> Iterator[CheckMessage]:
    folder = Path(settings.SORA_STATE_DIR)
    existing = next(p for p in [folder, *folder.parents] if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Error(
            f"The state folder {folder} can't be written.",
            hint="Set SORA_STATE_DIR to a folder this account may write.",
            id="sora.E002",
        )


@register("sora")
def check_signing(**kwargs: Any) -> Iterator[CheckMessage]:
    """Every clip that leaves is signed, so without a valid certificate nothing can be delivered."""
    chain = settings.SORA_SIGNING_CHAIN
    if not chain:
        development = Path(settings.SORA_DEVELOPMENT_CA_DIR)
        if not development.exists():
            return  # `./sora up` makes it
        if _is_public():
            yield Warning(
                "Clips are signed with a development certificate nobody else trusts.",
                hint="Set SORA_SIGNING_CHAIN and SORA_SIGNING_KEY (docs/settings.md).",
                id="sora.W001",
            )
        return
    for name in ("SORA_SIGNING_CHAIN", "SORA_SIGNING_KEY", "SORA_TRUST_ANCHORS"):
        path = getattr(settings, name)
        if path and not os.access(path, os.R_OK):
            yield Error(
                f"{name}={path} can't be read.",
                hint="Nothing is delivered unsigned. Correct the path or unset the setting.",
                id="sora.E001",
            )
            return
    if not settings.SORA_SIGNING_KEY and not settings.SORA_SIGNING_CALLBACK:
        yield Error(
            "SORA_SIGNING_CHAIN is set, but neither SORA_SIGNING_KEY nor SORA_SIGNING_CALLBACK.",
            hint="Set the private key's PEM file, or the dotted name of a signing function.",
            id="sora.E001",
        )
        return
    days = _days_left(chain)
    if days is None:
        yield Error(
            f"SORA_SIGNING_CHAIN={chain} holds no readable certificate.",
            hint="It must be a PEM file, the signing certificate first.",
            id="sora.E001",
        )
    elif days <= 0:
        yield Error(
            f"The signing certificate in {chain} has expired.",
            hint="Nothing is delivered unsigned. Renew the certificate.",
            id="sora.E001",
        )
    elif days < DAYS_BEFORE_EXPIRY:
        yield Warning(
            f"The signing certificate in {chain} expires in {days:.0f} days.",
            hint="Renew it before: nothing is delivered unsigned.",
            id="sora.W002",
        )


def _days_left(chain: str) -> float | None:
    """Days the first certificate of a PEM file is still valid; None when there is none."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificates(Path(chain).read_bytes())[0]
    except (OSError, ValueError, IndexError, ssl.SSLError):
        return None
    return (certificate.not_valid_after_utc.timestamp() - time.time()) / 86_400


@register("sora")
def check_public_site(**kwargs: Any) -> Iterator[CheckMessage]:
    """What a site with a public address needs and a laptop doesn't."""
    if not _is_public():
        return
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if not os.environ.get("SECRET_KEY"):
        yield Error(
            f"PUBLIC_URL is {settings.PUBLIC_URL}, but SECRET_KEY is not set.",
            hint="Set SECRET_KEY to 50 or more random characters, the same in every process.",
            id="sora.E003",
        )
    elif len(settings.SECRET_KEY) < 32:
        yield Error("SECRET_KEY is too short.", hint="Use 50 random characters.", id="sora.E003")
    allowed = settings.ALLOWED_HOSTS
    if not any(host == a or a == "*" or (a[:1] == "." and host.endswith(a)) for a in allowed):
        yield Error(
            f"ALLOWED_HOSTS ({', '.join(allowed)}) lacks {host}, the host of PUBLIC_URL.",
            hint=f"Set ALLOWED_HOSTS={host}.",
            id="sora.E004",
        )
    if settings.DEBUG:
        yield Error(
            "SORA_DEBUG is on at a public address: error pages would show settings and code.",
            hint="Unset SORA_DEBUG.",
            id="sora.E005",
        )
    if not settings.EMAIL_URL:
        yield Warning(
            "Mail is written to files, so nobody can confirm an address.",
            hint="Set EMAIL_URL, for example smtp+tls://user:password@mail.example.com:587.",
            id="sora.W003",
        )
    if not settings.SECURE:
        yield Warning(
            "PUBLIC_URL is not https: cookies and prompts travel in the clear.",
            hint="Put a TLS proxy in front and set PUBLIC_URL=https://… and TRUSTED_PROXIES=1.",
            id="sora.W004",
        )
    elif not settings.TRUSTED_PROXIES:
        yield Warning(
            "PUBLIC_URL is https but TRUSTED_PROXIES is 0: every client has the proxy's address.",
            hint="Set TRUSTED_PROXIES to the number of proxies in front of this site.",
            id="sora.W005",
        )


@register("sora")
def check_addresses(**kwargs: Any) -> Iterator[CheckMessage]:
    if "postgresql" not in settings.DATABASES["default"]["ENGINE"]:
        yield Error(
            "DATABASE_URL is not a PostgreSQL address.",
            hint="postgresql://user:password@host:5432/name; other databases are not supported.",
            id="sora.E006",
        )
    allowed = {
        "REDIS_URL": {"redis", "rediss", "unix"},
        "CACHE_URL": {"redis", "rediss", "unix"},
        "CHANNEL_LAYER_URL": {"redis", "rediss", "unix"},
        "BROKER_URL": {"redis", "rediss", "unix", "amqp", "amqps"},
    }
    for name, schemes in allowed.items():
        scheme = getattr(settings, name).partition("://")[0]
        if scheme not in schemes:
            yield Error(
                f"{name} begins with {scheme!r}.",
                hint=f"It must begin with one of {', '.join(sorted(schemes))} and ://.",
                id="sora.E007",
            )


@register("sora")
def check_media(**kwargs: Any) -> Iterator[CheckMessage]:
    choices = {"MEDIA_BACKEND": {"local", "s3"}, "MEDIA_DELIVERY": {"internal", "accel"}}
    for name, values in choices.items():
        if getattr(settings, name) not in values:
            yield Error(
                f"{name}={getattr(settings, name)} is unknown.",
                hint=f"Choose {' or '.join(sorted(values))}.",
                id="sora.E008",
            )


@register("sora")
def check_engine(**kwargs: Any) -> Iterator[CheckMessage]:
    """Reads the capability table only; never loads a model."""
    from generation.engine.capabilities import read_capabilities
    from generation.engine.protocol import ModelMissing

    try:
        capabilities = read_capabilities(Path(settings.SORA_MODEL_DIR))
    except (ModelMissing, OSError, ValueError) as error:
        yield Warning(
            f"No model in {settings.SORA_MODEL_DIR}: {error}",
            hint="Set SORA_MODEL_DIR to a model folder. Until then the site runs but makes no clips.",
            id="sora.W006",
        )
        return
    from generation import vision

    if capabilities.draws_people and not vision.is_set_up():
        yield Warning(
            f"{capabilities.title} can draw people, and no vision classifier looks at its clips.",
            hint="It delivers none. Set SORA_VISION_MODELS or another classifier (docs/settings.md).",
            id="sora.W007",
        )


@register("sora")
def check_engine_options(**kwargs: Any) -> Iterator[CheckMessage]:
    """Names and values only; whether this machine can do them shows when the model is loaded."""
    from generation.engine.options import InvalidOptions, read_lora, read_options

    for name, read in (("SORA_ENGINE_OPTIONS", read_options), ("SORA_LORA", read_lora)):
        try:
            read(getattr(settings, name))
        except InvalidOptions as error:
            yield Error(
                str(error), hint=f"docs/settings.md lists what {name} takes.", id="sora.E010"
            )


@register("sora")
def check_screening(**kwargs: Any) -> Iterator[CheckMessage]:
    """Says which optional filters are missing, since their absence makes the others stricter."""
    from generation import vision

    named = {
        "SORA_JOINT_REVIEW_URL": "reads prompt, uploads and frames together",
        "SORA_VISION_MODELS": "looks at pictures",
    }
    there = {"SORA_VISION_MODELS": vision.is_set_up()}
    missing = [name for name in named if not there.get(name, getattr(settings, name))]
    if missing:
        told = " and nothing ".join(named[name] for name in missing)
        yield Info(
            f"Screening: nothing {told}, so thresholds are tighter and every decision says so.",
            hint=f"Set {' and '.join(missing)} (docs/settings.md).",
            id="sora.I002",
        )
    if settings.SORA_JOINT_REVIEW_URL and not settings.SORA_JOINT_REVIEW_MODEL:
        yield Error(
            "SORA_JOINT_REVIEW_URL is set, but no SORA_JOINT_REVIEW_MODEL.",
            hint="Name the model the endpoint serves.",
            id="sora.E015",
        )


@register("sora")
def check_vision(**kwargs: Any) -> Iterator[CheckMessage]:
    """Folders and lists are read, models are not loaded: what is wrong with them shows here."""
    from generation import vision
    from generation.closed import closed
    from moderation.screening.protocol import ScreeningUnavailable

    for stated in vision.providers_stated():
        if stated.trouble:
            yield Error(
                f"{stated.setting}: {stated.trouble}",
                hint="Correct the folder or take it out of the setting. Until then nothing that needs "
                "its judgement is delivered (docs/adding_a_classifier.md).",
                id="sora.E016",
            )
    for name in ("SORA_FRAME_MODERATION_URL", "SORA_MATCHER_URL"):
        address = getattr(settings, name)
        if address and urlsplit(address).scheme not in ("http", "https"):
            yield Error(
                f"{name}={address} is no address.",
                hint="It begins with https:// or http://.",
                id="sora.E016",
            )
    reader = settings.SORA_TEXT_READER
    if reader == "on" and not _can_read_text():
        yield Error(
            "SORA_TEXT_READER=on, but the package that reads text in frames is not installed.",
            hint="pip install -r requirements-text.lock, or set SORA_TEXT_READER=auto.",
            id="sora.E016",
        )
    try:
        vision.listed_in_file()
    except ScreeningUnavailable as error:
        yield Error(str(error), hint="Nothing is delivered until it can be read.", id="sora.E017")
    for item in closed():
        yield Info(item.what, hint=item.remedy, id="sora.I003")


def _can_read_text() -> bool:
    from moderation.screening.frame_text import is_installed

    return is_installed()


@register("sora")
def check_uploads(**kwargs: Any) -> Iterator[CheckMessage]:
    """Says in words what the site takes, since without a classifier that is little."""
    from generation.closed import REQUIRED_FOR_PHOTOGRAPHS, seen_in_frames

    mode, seen = settings.SORA_UPLOADS, seen_in_frames()
    if mode not in {"off", "drawn", "photos"}:
        yield Error(
            f"SORA_UPLOADS={mode} is unknown.",
            hint="Choose off, drawn or photos.",
            id="sora.E011",
        )
    elif mode == "photos" and seen is not None and (missing := REQUIRED_FOR_PHOTOGRAPHS - seen):
        yield Error(
            f"SORA_UPLOADS=photos, but nothing here judges {', '.join(sorted(missing))} in them.",
            hint="Set SORA_VISION_MODELS to models that do, or use drawn.",
            id="sora.E011",
        )
    elif mode == "drawn":
        yield Info(
            "Uploads: flat drawings and clips made here. Photographs and filmed material are refused, "
            "because nothing here can tell the people in them.",
            hint="SORA_UPLOADS=photos takes them, with SORA_VISION_MODELS that judge people "
            "(docs/settings.md).",
            id="sora.I001",
        )
    if settings.SORA_SANDBOX not in {"auto", "strict"}:
        yield Error(
            f"SORA_SANDBOX={settings.SORA_SANDBOX} is unknown.",
            hint="Choose auto or strict.",
            id="sora.E012",
        )
        return
    from generation.reading.sandbox import STRICT, available

    missing = ", ".join(sorted(STRICT - available()))
    if missing and mode != "off":
        text = f"This kernel doesn't grant {missing} to the process that reads uploaded files."
        hint = "Allow it in the container, or set SORA_UPLOADS=off (docs/operations.md)."
        if settings.SORA_SANDBOX == "strict":
            yield Error(text, hint=hint, id="sora.E012")
        else:
            yield Warning(text, hint=hint, id="sora.W009")


@register("sora")
def check_child_safety(**kwargs: Any) -> Iterator[CheckMessage]:
    """The key of the sealed store, and where reports go."""
    for text in filter(None, (part.strip() for part in settings.SORA_SEAL_KEY.split(","))):
        try:
            usable = len(base64.b64decode(text, validate=True)) == 32
        except ValueError:
            usable = False
        if not usable:
            yield Error(
                "SORA_SEAL_KEY is no key.",
                hint="It is the base64 form of 32 random bytes; several are separated by commas.",
                id="sora.E020",
            )
    if settings.SORA_CYBERTIP_MODE not in {"test", "production"}:
        yield Error(
            f"SORA_CYBERTIP_MODE={settings.SORA_CYBERTIP_MODE} is unknown.",
            hint="Choose test or production.",
            id="sora.E021",
        )
    names = ("SORA_CYBERTIP_USER", "SORA_CYBERTIP_PASSWORD", "SORA_CYBERTIP_REPORTER")
    given = [name for name in names if getattr(settings, name)]
    missing = [name for name in names if name not in given]
    if given and missing:
        yield Error(
            f"{given[0]} is set, but not {' and '.join(missing)}.",
            hint="Reports to the CyberTipline need all three (docs/child_safety.md).",
            id="sora.E021",
        )
    if settings.SORA_CYBERTIP_MODE == "production" and settings.SORA_CYBERTIP_URL:
        yield Error(
            "SORA_CYBERTIP_URL is set in production mode.",
            hint="Unset it: real reports go to the real service only.",
            id="sora.E021",
        )
    if _is_public() and (missing or settings.SORA_CYBERTIP_MODE != "production"):
        yield Warning(
            "What reviewers decide to report is not sent: the CyberTipline is not set up."
            if missing
            else "Reports go to the test service of the CyberTipline, which discards them.",
            hint="docs/child_safety.md says how to get an account and switch it on.",
            id="sora.W020",
        )


@register("sora")
def check_likeness(**kwargs: Any) -> Iterator[CheckMessage]:
    """Switched on is not open: says what is missing."""
    if settings.SORA_LIKENESS_PILOT not in {"off", "on"}:
        yield Error(
            f"SORA_LIKENESS_PILOT={settings.SORA_LIKENESS_PILOT} is unknown.",
            hint="Choose off or on.",
            id="sora.E022",
        )
    elif settings.SORA_LIKENESS_PILOT == "on":
        from moderation.likeness import closed_because

        if reason := closed_because():
            yield Warning(
                f"The likeness pilot stays closed. {reason}",
                hint="Without all of it nobody's picture can be used (docs/likeness.md).",
                id="sora.W021",
            )


@register("sora")
def check_dotted_names(**kwargs: Any) -> Iterator[CheckMessage]:
    """Only that the module can be found: importing an engine would load torch into this process."""
    for name in ("SORA_ENGINE", "SORA_FRAME_CLASSIFIER", "SORA_SIGNING_CALLBACK"):
        dotted = getattr(settings, name)
        module = dotted.rpartition(".")[0] if dotted else ""
        if not dotted:
            continue
        try:
            found = bool(module) and importlib.util.find_spec(module) is not None
        except (ImportError, ValueError):
            found = False
        if not found:
            yield Error(
                f"{name}={dotted} names no module that exists.",
                hint="Give the dotted name of a class or function, for example package.module.Name.",
                id="sora.E009",
            )
