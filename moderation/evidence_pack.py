"""The signed bundle of a report: a zip that anybody can check without this site.

report.json and report.csv hold the figures, manifest.json their SHA-256 with the period and the time,
signature the ECDSA signature of manifest.json by the key that also signs clips, chain.pem its
certificates. `./sora manage verify_report FILE` checks all of it against the roots this site trusts.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from generation.provenance.c2pa import SigningError, SigningIdentity
from moderation.models import PeriodReport
from moderation.transparency import as_csv

FORMAT: Final = "evidence-pack-1"
SIGNED: Final = ("report.json", "report.csv")
NAMES: Final = (*SIGNED, "manifest.json", "signature", "chain.pem")
MOST_BYTES: Final = 20_000_000
HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}


class BadPack(ValueError):
    """A bundle that can't be trusted; the message says why."""


@dataclass(frozen=True)
class Checked:
    """A bundle whose files, signature and certificates fit."""

    begins: str
    ends: str
    service: str
    made_at: str
    issuer: str


def build(report: PeriodReport, identity: SigningIdentity) -> bytes:
    """The bundle as a zip. Raises SigningError."""
    files = {
        "report.json": json.dumps(report.figures, indent=2, ensure_ascii=False).encode(),
        "report.csv": as_csv(report.figures).encode(),
    }
    manifest = json.dumps(
        {
            "format": FORMAT,
            "service": report.figures.get("service", ""),
            "begins": report.begins.isoformat(),
            "ends": report.ends.isoformat(),
            "made_at": report.made_at.astimezone(UTC).isoformat(timespec="seconds"),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        },
        indent=2,
        ensure_ascii=False,
    ).encode()
    whole = {
        **files,
        "manifest.json": manifest,
        "signature": sign(manifest, identity),
        "chain.pem": identity.chain_pem,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in whole.items():
            pack.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def sign(data: bytes, identity: SigningIdentity) -> bytes:
    """A DER signature with the hash that belongs to the curve. Raises SigningError."""
    if identity.callback is not None:
        try:
            return _as_der(identity.callback(data))
        except Exception as error:
            raise SigningError(
                "callback_failed", f"The signing callback failed: {error}"
            ) from error
    if identity.key_pem is None:
        raise SigningError("key_missing", "There is no key to sign with.")
    key = serialization.load_pem_private_key(identity.key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SigningError("key_mismatch", "The private key isn't an elliptic curve key.")
    return key.sign(data, ec.ECDSA(HASHES[key.curve.name]))


def _as_der(signature: bytes) -> bytes:
    """A callback may answer r and s one after the other instead of DER."""
    if len(signature) in (64, 96, 132) and signature[:1] != b"\x30":
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        return encode_dss_signature(r, s)
    return signature


def verify(data: bytes, roots: str) -> Checked:
    """Check a bundle against trusted roots (PEM). Raises BadPack for anything that doesn't fit."""
    files = _unpack(data)
    manifest = _manifest(files["manifest.json"])
    for name in SIGNED:
        if manifest["files"].get(name) != hashlib.sha256(files[name]).hexdigest():
            raise BadPack(f"{name} is not what was signed.")
    try:
        chain = x509.load_pem_x509_certificates(files["chain.pem"])
        trusted = x509.load_pem_x509_certificates(roots.encode()) if roots.strip() else []
    except ValueError as error:
        raise BadPack("The certificates can't be read.") from error
    _check_signature(files["manifest.json"], files["signature"], chain[0])
    _check_chain(chain, trusted, datetime.fromisoformat(manifest["made_at"]))
    names = chain[0].subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    return Checked(
        begins=str(manifest["begins"]),
        ends=str(manifest["ends"]),
        service=str(manifest.get("service", "")),
        made_at=str(manifest["made_at"]),
        issuer=str(names[0].value) if names else "",
    )


def _unpack(data: bytes) -> dict[str, bytes]:
    if len(data) > MOST_BYTES:
        raise BadPack("The file is larger than any bundle.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as pack:
            if sorted(pack.namelist()) != sorted(NAMES):
                raise BadPack("The zip doesn't hold what a bundle holds.")
            if sum(item.file_size for item in pack.infolist()) > MOST_BYTES:
                raise BadPack("The zip unpacks to more than any bundle.")
            return {name: pack.read(name) for name in NAMES}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadPack("The file is no zip that can be read.") from error


def _manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest: Any = json.loads(data)
        made = datetime.fromisoformat(manifest["made_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadPack("manifest.json can't be read.") from error
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != FORMAT
        or not isinstance(manifest.get("files"), dict)
        or not {"begins", "ends"} <= set(manifest)
        or made.tzinfo is None
    ):
        raise BadPack("manifest.json isn't that of a bundle.")
    return manifest


def _check_signature(data: bytes, signature: bytes, leaf: x509.Certificate) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in HASHES:
        raise BadPack("The certificate has no key of a kind that signs bundles.")
    try:
        key.verify(signature, data, ec.ECDSA(HASHES[key.curve.name]))
    except InvalidSignature as error:
        raise BadPack("The signature doesn't belong to manifest.json.") from error


def _check_chain(
    chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], made: datetime
) -> None:
    """Each certificate by the next, the last by a trusted root, all valid when it was made."""
    if not trusted:
        raise BadPack("There are no roots to check the certificates against.")
    if any(not c.not_valid_before_utc <= made <= c.not_valid_after_utc for c in chain):
        raise BadPack("A certificate wasn't valid when the bundle was made.")
    for child, parent in pairwise(chain):
        if not _issued(child, parent):
            raise BadPack("The certificates don't follow from one another.")
    last = chain[-1]
    fits = any(last == root or _issued(last, root) for root in trusted)
    if not fits:
        raise BadPack("The certificates don't lead to a root this site trusts.")


def _issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
