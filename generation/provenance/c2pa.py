"""Content Credentials: a signed C2PA manifest in every file that leaves, and reading of any file's.

The manifest says: made by a trained algorithm, with which model and version, by which job, whether
the prompt was rewritten, from which parents; and what was done afterwards (the visible mark).
MP4, PNG, JPEG, WebP and GIF carry it inside the file.

Reading never touches the network: a manifest may name URLs, and the library would fetch them.
"Trusted" means the signature leads to one of the given roots. "Valid" means only that the file
agrees with itself; anyone can make a valid file under any name.
"""

from __future__ import annotations

import base64
import datetime as dt
import errno
import importlib
import io
import itertools
import json
import mmap
import os
import secrets
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from generation.provenance import filetypes
from generation.provenance.development_ca import CLAIM_SIGNING, CaFiles

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
NAMESPACE = "org.sora"
GENERATION = f"{NAMESPACE}.generation"
FINGERPRINT = f"{NAMESPACE}.pdq.1"

Relationship = Literal["parentOf", "componentOf", "inputTo"]
State = Literal["trusted", "valid", "invalid", "none"]

RELATIONSHIPS: tuple[Relationship, ...] = ("parentOf", "componentOf", "inputTo")
_SIGNABLE = {kind: filetypes.MIME[kind] for kind in ("mp4", "png", "jpeg", "webp", "gif")}
_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
# Extended key usages a signing certificate may carry: e-mail protection, document signing, time
# stamping (for stamps), C2PA claim signing. Without this list the library knows only the first.
_TRUST_CONFIG = "\n".join(
    ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.8", CLAIM_SIGNING.dotted_string)
)


class SigningError(Exception):
    """Nothing was signed and no file was left. `code` is stable, the message is for operators.

    Codes: certificate_missing, certificate_invalid, certificate_expired, certificate_not_yet_valid,
    key_missing, key_mismatch, callback_failed, unsupported_type, disk_full, signing_failed.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class SigningIdentity:
    """Who signs: a certificate chain with its private key, or a callback that holds the key.

    Holds no native handle, so it may be kept, copied and carried over a fork.
    """

    chain_pem: bytes  # leaf first, then intermediates, without the root
    key_pem: bytes | None = field(repr=False)
    callback: Callable[[bytes], bytes] | None  # data -> raw r||s or DER signature
    trust_anchors: str  # PEM roots; empty: files can't be told apart from a stranger's
    timestamp_url: str | None = None  # RFC 3161; None: files are valid as long as the leaf

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.chain_pem)[0]

    @property
    def organization(self) -> str:
        """What readers show as the issuer."""
        names = self.leaf.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
        return str(names[0].value) if names else ""

    @property
    def days_left(self) -> float:
        return (self.leaf.not_valid_after_utc - dt.datetime.now(dt.UTC)) / dt.timedelta(days=1)

    def check(self) -> None:
        """Raise SigningError unless the leaf is valid now and, where known, the key fits it."""
        leaf, now = self.leaf, dt.datetime.now(dt.UTC)
        if now >= leaf.not_valid_after_utc:
            raise SigningError(
                "certificate_expired",
                f"The signing certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}.",
            )
        if now < leaf.not_valid_before_utc:
            raise SigningError(
                "certificate_not_yet_valid",
                f"The signing certificate is valid from {leaf.not_valid_before_utc:%Y-%m-%d}.",
            )
        if self.key_pem is None:
            return
        try:
            key = serialization.load_pem_private_key(self.key_pem, None)
        except (ValueError, TypeError) as error:
            raise SigningError("key_mismatch", "The private key can't be read.") from error
        if _public_bytes(key.public_key()) != _public_bytes(leaf.public_key()):
            raise SigningError(
                "key_mismatch", "The private key doesn't belong to the signing certificate."
            )


@dataclass(frozen=True)
class Parent:
    """A file this one was made from. `parentOf`: an edit of it (one at most); `componentOf`: one
    of several blended; `inputTo`: a reference for the model."""

    path: Path
    relationship: Relationship = "parentOf"
    title: str = ""
    archive: bytes = b""  # of `keep_ingredient`: takes the place of the file, which may be gone
    archive_id: str = ""


@dataclass(frozen=True)
class ManifestClaim:
    """What the manifest says about one file."""

    title: str
    model_name: str
    model_version: str
    software_name: str
    software_version: str
    job_id: str
    prompt_rewritten: bool
    created_at: dt.datetime  # aware
    watermark: str | None = None  # the text of the visible mark; None: the file carries none
    fingerprint: bytes | None = None  # soft binding: concatenated 32-byte frame hashes
    allow_training: bool = False  # may others train on and mine this file
    resampled: str = ""  # what was done to reach the delivered size, in words
    passes: int = 1  # how often the model drew to reach the delivered length


@dataclass(frozen=True)
class CredentialsReport:
    """What a file's manifest says, and how far that can be believed.

    `claims` is empty for state none; for state invalid it is what the file pretends, if readable.
    `failures` are the library's public codes; those recorded inside parents begin with
    "ingredient:" and don't change `state`.
    """

    state: State
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def is_from(self, organization: str) -> bool:
        """True for an unaltered file signed by `organization` under a trusted root, whose parents
        were sound when it was made."""
        sound = not any(code.startswith("ingredient:") for code in self.failures)
        return self.state == "trusted" and self.issuer == organization and sound

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "issuer": self.issuer,
            "claims": self.claims,
            "failures": self.failures,
        }


def load_signer(
    *,
    development_ca: Path | str | None = None,
    certificate_chain: Path | str | None = None,
    private_key: Path | str | None = None,
    callback: str | None = None,
    trust_anchors: Path | str | None = None,
    timestamp_url: str | None = None,
) -> SigningIdentity:
    """Read who signs, and check it.

    Args:
        development_ca: folder made by `ensure_development_ca`; excludes the next three.
        certificate_chain: PEM, leaf first, then intermediates.
        private_key: PEM (PKCS#8) of the leaf.
        callback: dotted path `package.module.function` of `(data: bytes) -> signature`, for keys
            that live in a key management service or hardware module; instead of `private_key`.
        trust_anchors: PEM file of the roots that readers here trust.
        timestamp_url: RFC 3161 time stamp authority. It is asked on every signing.

    Raises SigningError.
    """
    if development_ca is not None:
        files = CaFiles.under(development_ca)
        certificate_chain, private_key, trust_anchors = files.chain, files.key, files.root
    if certificate_chain is None:
        raise SigningError("certificate_missing", "No signing certificate is configured.")
    if (private_key is None) == (callback is None):
        raise SigningError("key_missing", "Configure either a private key or a signing callback.")
    chain = _read_pem(certificate_chain, "certificate_missing")
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise SigningError("certificate_invalid", f"{certificate_chain} isn't PEM.") from error
    _check_leaf(certificates)
    roots = _read_pem(trust_anchors, "certificate_missing").decode() if trust_anchors else ""
    identity = SigningIdentity(
        chain_pem=chain,
        key_pem=_read_pem(private_key, "key_missing") if private_key is not None else None,
        callback=_import_callback(callback) if callback is not None else None,
        trust_anchors=roots,
        timestamp_url=timestamp_url or None,
    )
    identity.check()
    return identity


def sign_file(
    source: Path | str,
    destination: Path | str,
    claim: ManifestClaim,
    parents: Sequence[Parent] = (),
    *,
    identity: SigningIdentity,
) -> bytes:
    """Write `source` with a signed manifest to `destination` and return the manifest's bytes.

    The result is read back and validated before it takes its name; on any error nothing is left
    at `destination` that wasn't there before. Both paths may be the same. Keep the returned bytes:
    with the fingerprint they let a stripped file be recognised.

    Raises SigningError.
    """
    source, destination = Path(source), Path(destination)
    identity.check()
    kind = _signable(source)
    definition, ingredients = _definition(claim, kind, parents)
    part = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}.part")
    try:
        with _Sink(part) as sink:
            try:
                manifest = _sign(source, sink, kind, definition, ingredients, identity)
            except c2pa.C2paError as error:
                raise _signing_error(error, sink) from error
            sink.check()
        report = read_credentials(part, identity.trust_anchors)
        expected = "trusted" if identity.trust_anchors else "valid"
        if report.state not in (expected, "trusted"):
            raise SigningError(
                "signing_failed", f"The signed file reads as {report.state}: {report.failures}"
            )
        os.replace(part, destination)
    except OSError as error:
        raise _storage_error(error) from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def read_credentials(
    path: Path | str, trust_anchors: str | Path = "", *, manifest: bytes | None = None
) -> CredentialsReport:
    """Validate a file's manifest. No network is used. Any bytes get an answer.

    Args:
        trust_anchors: PEM text, or the path of a PEM file, of the roots to trust.
        manifest: a manifest kept elsewhere, for files that lost theirs.

    Raises OSError when the file itself can't be read.
    """
    roots = trust_anchors.read_text() if isinstance(trust_anchors, Path) else trust_anchors
    kind = filetypes.sniff(path)
    if kind not in _SIGNABLE:
        return CredentialsReport("none", failures=["unsupported_type"])
    try:
        with (
            open(path, "rb") as file,
            c2pa.Reader(_SIGNABLE[kind], file, manifest, context=_reading_context(roots)) as reader,
        ):
            return _report(
                str(reader.get_validation_state()),
                reader.get_validation_results() or {},
                json.loads(reader.json()),
            )
    except c2pa.C2paError.ManifestNotFound:
        return CredentialsReport("none")
    except c2pa.C2paError as error:
        # The container can't be parsed, or the manifest is damaged. Only the latter is a claim.
        state: State = "invalid" if manifest or _mentions_manifest(path) else "none"
        return CredentialsReport(state, failures=[f"unreadable:{type(error).__name__.lstrip('_')}"])


def keep_ingredient(
    path: Path | str, trust_anchors: str = "", *, title: str = ""
) -> tuple[str, dict[Relationship, bytes]]:
    """What a later clip needs of this file to name it as its source, once the file itself is gone:
    its manifests and what validating them said.

    Returns (archive id, an archive for each part it may play), see `Parent`. Raises c2pa's errors
    for a file whose manifest can't be read; `read_credentials` says so before.
    """
    path, kept = Path(path), dict[Relationship, bytes]()
    mime, archive_id = _SIGNABLE[_signable(path)], f"xmp:iid:{uuid.uuid4()}"
    for relationship in RELATIONSHIPS:
        ingredient = {
            "title": title or path.name,
            "relationship": relationship,
            "instance_id": archive_id,
            "format": mime,
        }
        archive = io.BytesIO()
        generator = {
            "claim_version": 2,
            "claim_generator_info": [{"name": NAMESPACE, "version": "1"}],
        }
        with c2pa.Builder(generator, _reading_context(trust_anchors)) as builder:
            with path.open("rb") as file:
                builder.add_ingredient(ingredient, mime, file)
            builder.write_ingredient_archive(archive_id, archive)
        kept[relationship] = archive.getvalue()
    return archive_id, kept


# The manifest


def _definition(
    claim: ManifestClaim, kind: str, parents: Sequence[Parent]
) -> tuple[dict[str, Any], list[tuple[Path, dict[str, Any]]]]:
    """(manifest definition, [(path, ingredient definition)])."""
    if claim.created_at.tzinfo is None:
        raise ValueError("created_at needs a time zone")
    if sum(parent.relationship == "parentOf" for parent in parents) > 1:
        raise ValueError("a file has one parentOf at most; blend with componentOf")
    ingredients = [
        (
            parent.path,
            {
                "title": parent.title or parent.path.name,
                "relationship": parent.relationship,
                "instance_id": parent.archive_id or f"xmp:iid:{uuid.uuid4()}",
                **({"archive": parent.archive} if parent.archive else {}),
            },
        )
        for parent in parents
    ]
    mining = {"use": "allowed" if claim.allow_training else "notAllowed"}
    assertions: list[dict[str, Any]] = [
        {
            "label": "c2pa.actions.v2",
            "data": {
                "actions": _actions(claim, [ingredient for _, ingredient in ingredients]),
                "allActionsIncluded": True,
            },
        },
        {
            "label": "cawg.training-mining",
            "data": {
                "entries": {
                    "cawg.ai_generative_training": mining,
                    "cawg.ai_training": mining,
                    "cawg.data_mining": mining,
                }
            },
        },
        {
            "label": GENERATION,
            "data": {
                "model": claim.model_name,
                "modelVersion": claim.model_version,
                "job": claim.job_id,
                "promptRewritten": claim.prompt_rewritten,
                "createdAt": _iso(claim.created_at),
                **({"visibleWatermark": claim.watermark} if claim.watermark else {}),
                **({"resampled": claim.resampled} if claim.resampled else {}),
                **({"passes": claim.passes} if claim.passes > 1 else {}),
            },
        },
    ]
    if claim.fingerprint:
        value = base64.b64encode(claim.fingerprint).decode()
        blocks = [{"scope": {}, "value": value}]
        assertions.append(
            {"label": "c2pa.soft-binding", "data": {"alg": FINGERPRINT, "blocks": blocks}}
        )
    definition = {
        "claim_version": 2,
        "claim_generator_info": [{"name": claim.software_name, "version": claim.software_version}],
        "title": claim.title,
        "format": _SIGNABLE[kind],
        "assertions": assertions,
    }
    return definition, ingredients


def _actions(claim: ManifestClaim, ingredients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What happened, in order. A manifest must begin with `created` or with `opened`."""

    def ids(relationship: Relationship) -> list[str]:
        return [i["instance_id"] for i in ingredients if i["relationship"] == relationship]

    made: dict[str, Any] = {
        "softwareAgent": {"name": claim.model_name, "version": claim.model_version},
        "digitalSourceType": TRAINED,
        "when": _iso(claim.created_at),
    }
    parent, components = ids("parentOf"), ids("componentOf")
    actions: list[dict[str, Any]] = []
    if parent:
        actions.append({"action": "c2pa.opened", "parameters": {"ingredientIds": parent}})
        actions.append({"action": "c2pa.edited", **made})
    else:
        actions.append({"action": "c2pa.created", **made})
    if ids("inputTo"):
        actions[-1]["parameters"] = {"ingredientIds": ids("inputTo")}
    if components:
        actions.append({"action": "c2pa.placed", "parameters": {"ingredientIds": components}})
    software = {"name": claim.software_name, "version": claim.software_version}
    if claim.resampled:
        actions.append(
            {
                "action": "c2pa.resized",
                "softwareAgent": software,
                "parameters": {"description": f"Resampled: {claim.resampled}"},
            }
        )
    if claim.watermark:
        actions.append(
            {
                "action": "c2pa.edited",
                "softwareAgent": software,
                "digitalSourceType": TRAINED,
                "parameters": {"description": f"Visible moving mark added: {claim.watermark}"},
            }
        )
    return actions


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# Signing

_local = threading.local()  # .callback_error: what the signing callback raised in this thread
_contexts: dict[tuple[int, SigningIdentity | str], Any] = {}
_contexts_lock = threading.Lock()


def _sign(
    source: Path,
    sink: _Sink,
    kind: str,
    definition: dict[str, Any],
    ingredients: Iterable[tuple[Path, dict[str, Any]]],
    identity: SigningIdentity,
) -> bytes:
    _local.callback_error = None
    with c2pa.Builder(definition, _signing_context(identity)) as builder:
        for path, ingredient in ingredients:
            if "archive" in ingredient:
                builder.add_ingredient_from_archive(io.BytesIO(ingredient["archive"]))
                continue
            mime = _SIGNABLE[_signable(path)]
            with open(path, "rb") as file:
                builder.add_ingredient({**ingredient, "format": mime}, mime, file)
        with open(source, "rb") as file:
            return bytes(builder.sign(_SIGNABLE[kind], file, sink))


def _settings(roots: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "version": 1,
        "core": {
            "allowed_network_hosts": [],
            "allow_redirects": False,
            "backing_store_memory_threshold_in_mb": 8,
        },
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_after_sign": True,
        },
        "builder": {
            "thumbnail": {"enabled": False},
            "actions": {
                "auto_opened_action": {"enabled": False},
                "auto_placed_action": {"enabled": False},
            },
        },
    }
    if roots:
        settings["trust"] = {"trust_anchors": roots, "trust_config": _TRUST_CONFIG}
    return settings


def _signing_context(identity: SigningIdentity) -> Any:
    def make() -> Any:
        try:
            return c2pa.Context.from_dict(_settings(identity.trust_anchors), _native(identity))
        except c2pa.C2paError as error:
            raise SigningError("certificate_invalid", f"The signer is refused: {error}") from error

    return _context(identity, make)


def _reading_context(roots: str) -> Any:
    return _context(roots, lambda: c2pa.Context.from_dict(_settings(roots)))


def _context(key: SigningIdentity | str, make: Callable[[], Any]) -> Any:
    """One native context per process and identity: a context doesn't survive a fork."""
    pid = os.getpid()
    with _contexts_lock:
        if (pid, key) not in _contexts:
            _contexts[pid, key] = make()
        return _contexts[pid, key]


def _native(identity: SigningIdentity) -> Any:
    algorithm = _algorithm(identity.leaf)
    if identity.callback is None:
        return c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                algorithm, identity.chain_pem, identity.key_pem, identity.timestamp_url
            )
        )
    callback = identity.callback

    def sign(data: bytes) -> bytes:
        try:
            return callback(data)
        except Exception as error:  # the library would swallow it: kept for sign_file to raise
            _local.callback_error = error
            raise

    return c2pa.Signer.from_callback(
        sign, algorithm, identity.chain_pem.decode(), identity.timestamp_url
    )


class _Sink(io.FileIO):
    """The file the library writes to. It swallows what writing raises, so that is kept here."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.error: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            view, done = memoryview(data), 0
            while done < len(view):
                done += super().write(view[done:])
            return done
        except OSError as error:
            self.error = self.error or error
            raise

    def check(self) -> None:
        if self.error is not None:
            raise self.error


def _signing_error(error: c2pa.C2paError, sink: _Sink) -> SigningError:
    if sink.error is not None:
        return _storage_error(sink.error)
    raised: Exception | None = getattr(_local, "callback_error", None)
    if raised is not None:
        return SigningError(
            "callback_failed", f"The signing callback raised {type(raised).__name__}: {raised}"
        )
    return SigningError("signing_failed", f"Signing failed: {error}")


def _storage_error(error: OSError) -> SigningError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return SigningError("disk_full", "The disk has no room for the signed file.")
    return SigningError("signing_failed", f"A file can't be read or written: {error}")


def _signable(path: Path) -> str:
    try:
        kind = filetypes.sniff(path)
    except OSError as error:
        raise _storage_error(error) from error
    if kind is None or kind not in _SIGNABLE:
        raise SigningError("unsupported_type", f"{path.name} can't carry a manifest.")
    return kind


def _read_pem(path: Path | str, code: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SigningError(code, f"{path} can't be read: {error.strerror}.") from error


def _check_leaf(certificates: list[x509.Certificate]) -> None:
    if not certificates:
        raise SigningError("certificate_invalid", "The certificate chain is empty.")
    leaf = certificates[0]
    _algorithm(leaf)
    try:
        basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
        if basic.ca:
            raise SigningError(
                "certificate_invalid", "The chain begins with an authority; the leaf comes first."
            )
    except x509.ExtensionNotFound:
        pass
    for child, parent in itertools.pairwise(certificates):
        if child.issuer != parent.subject:
            raise SigningError(
                "certificate_invalid", "The chain is out of order: leaf first, then its issuer."
            )


def _algorithm(leaf: x509.Certificate) -> Any:
    key = leaf.public_key()
    name = _ALGORITHMS.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else None
    if name is None:
        raise SigningError("certificate_invalid", "The certificate needs a P-256/384/521 key.")
    return getattr(c2pa.C2paSigningAlg, name)


def _public_bytes(key: Any) -> bytes:
    return bytes(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _import_callback(dotted: str) -> Callable[[bytes], bytes]:
    module, _, name = dotted.replace(":", ".").rpartition(".")
    try:
        callback = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SigningError("key_missing", f"No signing callback at {dotted!r}: {error}") from error
    if not callable(callback):
        raise SigningError("key_missing", f"{dotted!r} isn't callable.")
    return callback  # type: ignore[no-any-return]


# Reading


def _report(state: str, results: dict[str, Any], document: dict[str, Any]) -> CredentialsReport:
    active = document["manifests"].get(document.get("active_manifest"), {})
    own = results.get("activeManifest", {}).get("failure", [])
    failures = {item["code"] for item in own}
    for delta in results.get("ingredientDeltas", []):
        for item in delta.get("validationDeltas", {}).get("failure", []):
            failures.add(f"ingredient:{item['code']}")
    for ingredient in active.get("ingredients", []):
        failures.update(f"ingredient:{code}" for code in _ingredient_failures(ingredient))
    names: dict[str, State] = {"Trusted": "trusted", "Valid": "valid"}
    signature = active.get("signature_info") or {}
    return CredentialsReport(
        state=names.get(state, "invalid"),
        issuer=str(signature.get("issuer") or ""),
        claims=_claims(active, signature),
        failures=sorted(failures),
    )


def _claims(active: dict[str, Any], signature: dict[str, Any]) -> dict[str, Any]:
    data = {item["label"]: item.get("data") or {} for item in active.get("assertions", [])}
    own = data.get(GENERATION, {})
    actions = _list(data.get("c2pa.actions.v2", data.get("c2pa.actions", {})).get("actions"))
    made = next((a for a in actions if a.get("digitalSourceType")), {})
    agent = made.get("softwareAgent")
    agent = agent if isinstance(agent, dict) else {"name": agent} if agent else {}
    software = next(iter(_list(active.get("claim_generator_info"))), {})
    return {
        "title": active.get("title", ""),
        "model": own.get("model") or agent.get("name"),
        "model_version": own.get("modelVersion") or agent.get("version"),
        "software": software.get("name"),
        "software_version": software.get("version"),
        "job": own.get("job"),
        "digital_source_type": made.get("digitalSourceType"),
        "prompt_rewritten": own.get("promptRewritten"),
        "created_at": own.get("createdAt") or made.get("when"),
        "signed_at": signature.get("time"),
        "visible_watermark": own.get("visibleWatermark"),
        "resampled": own.get("resampled"),
        "passes": own.get("passes"),
        "soft_binding": data.get("c2pa.soft-binding", {}).get("alg"),
        "training_allowed": _training_allowed(data.get("cawg.training-mining", {})),
        "actions": [
            {
                "action": action.get("action"),
                "description": (action.get("parameters") or {}).get("description"),
                "digital_source_type": action.get("digitalSourceType"),
            }
            for action in actions
        ],
        "ingredients": [
            {
                "title": ingredient.get("title", ""),
                "relationship": ingredient.get("relationship"),
                "has_credentials": bool(ingredient.get("active_manifest")),
                "failures": _ingredient_failures(ingredient),
            }
            for ingredient in _list(active.get("ingredients"))
        ],
    }


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _ingredient_failures(ingredient: dict[str, Any]) -> list[str]:
    recorded = (ingredient.get("validation_results") or {}).get("activeManifest", {})
    return sorted({item["code"] for item in recorded.get("failure", [])})


def _training_allowed(assertion: dict[str, Any]) -> bool | None:
    entries = assertion.get("entries") or {}
    uses = [entry.get("use") for entry in entries.values() if isinstance(entry, dict)]
    return all(use == "allowed" for use in uses) if uses else None


def _mentions_manifest(path: Path | str) -> bool:
    """Whether the bytes hold the label of a manifest store: something was there."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(b"c2pa.assertions") >= 0 or data.find(b"jumdc2pa") >= 0
