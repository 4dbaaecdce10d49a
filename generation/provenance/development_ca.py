"""A certificate authority of one's own for signing Content Credentials: root, intermediate, leaf.

Made at set-up, so that every file is really signed and verified from the first run on. Viewers
elsewhere don't know this root and say "unknown issuer"; configure a certificate from a listed
authority for that (see `c2pa.load_signer`).

The leaf follows the C2PA certificate profile, which the signing library enforces: X.509 v3, no CA,
key usage digitalSignature alone, an authority key identifier, and the extended key usages
emailProtection (accepted everywhere) and C2PA claim signing. Its organisation is what viewers show
as the issuer. Without a time stamp a file verifies only as long as its leaf is valid, so the
leaf lives five years here.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")

_ROOT_DAYS, _INTERMEDIATE_DAYS, _LEAF_DAYS = 7300, 5475, 1825
_RENEW_BELOW_DAYS = 30


@dataclass(frozen=True)
class CaFiles:
    """Where the parts lie. `chain` holds leaf then intermediate, `root` is the trust anchor."""

    root: Path
    root_key: Path
    intermediate: Path
    intermediate_key: Path
    chain: Path
    key: Path

    @classmethod
    def under(cls, directory: Path | str) -> CaFiles:
        folder = Path(directory)
        return cls(
            root=folder / "root.pem",
            root_key=folder / "root.key.pem",
            intermediate=folder / "intermediate.pem",
            intermediate_key=folder / "intermediate.key.pem",
            chain=folder / "chain.pem",
            key=folder / "leaf.key.pem",
        )

    def __iter__(self) -> Iterator[Path]:
        yield from (self.root_key, self.root, self.intermediate_key, self.intermediate)
        yield from (self.key, self.chain)


def ensure_development_ca(directory: Path | str, organization: str) -> CaFiles:
    """Make the authority if it isn't there, renew the leaf in its last 30 days; else do nothing.

    Safe to call from several processes at once. The folder is 0700, every file 0600. Files signed
    with an older leaf stay trusted, because root and intermediate are never replaced.

    Raises OSError when the folder can't be written, and FileNotFoundError when some of the files
    are gone: a new root would make all files signed before untrusted, so that is never automatic.
    """
    folder = Path(directory)
    files = CaFiles.under(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        missing = [path.name for path in files if not path.exists()]
        # The chain is written last: until it exists, nothing has been signed with this authority.
        if not files.chain.exists():
            _write_all(files, organization)
        elif missing:
            raise FileNotFoundError(
                f"{folder} lacks {', '.join(missing)}. Restore it from a backup, or move the whole "
                "folder away to make a new authority that earlier files aren't trusted by."
            )
        elif days_left(files.chain) < _RENEW_BELOW_DAYS:
            _renew_leaf(files, organization)
    return files


def days_left(certificate: Path | str | bytes) -> float:
    """Days until the first certificate of a PEM file or PEM bytes expires; negative afterwards.

    Raises OSError (no such file) or ValueError (no PEM certificate).
    """
    pem = certificate if isinstance(certificate, bytes) else Path(certificate).read_bytes()
    first = x509.load_pem_x509_certificates(pem)[0]
    return (first.not_valid_after_utc - dt.datetime.now(dt.UTC)) / dt.timedelta(days=1)


def issue(
    subject: str,
    organization: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None,
    *,
    days: float,
    path_length: int | None,
    start: dt.datetime | None = None,
) -> x509.Certificate:
    """One certificate: a CA where `path_length` is a number, a signing leaf where it is None.

    `issuer` None makes it self-signed. `start` defaults to five minutes ago, for skewed clocks.
    """
    authority = path_length is not None
    signing_key, parent = issuer or (key, None)
    name = _name(subject, organization)
    start = start or dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    end = start + dt.timedelta(days=days)
    if parent is not None:
        end = min(end, parent.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(parent.subject if parent is not None else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(_key_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
    )
    if not authority:
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING])
        builder = builder.add_extension(usages, critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def _write_all(files: CaFiles, organization: str) -> None:
    root_key, intermediate_key, leaf_key = (_new_key() for _ in range(3))
    root = issue(
        f"{organization} Root", organization, root_key, None, days=_ROOT_DAYS, path_length=1
    )
    intermediate = issue(
        f"{organization} Claim Signing Authority",
        organization,
        intermediate_key,
        (root_key, root),
        days=_INTERMEDIATE_DAYS,
        path_length=0,
    )
    leaf = _leaf(organization, leaf_key, (intermediate_key, intermediate))
    _write(files.root_key, _key_pem(root_key))
    _write(files.root, _pem(root))
    _write(files.intermediate_key, _key_pem(intermediate_key))
    _write(files.intermediate, _pem(intermediate))
    _write(files.key, _key_pem(leaf_key))
    _write(files.chain, _pem(leaf) + _pem(intermediate))


def _renew_leaf(files: CaFiles, organization: str) -> None:
    """A new leaf for the same key, so that key and chain match at every moment."""
    key = _load_key(files.key)
    intermediate = x509.load_pem_x509_certificate(files.intermediate.read_bytes())
    leaf = _leaf(organization, key, (_load_key(files.intermediate_key), intermediate))
    _write(files.chain, _pem(leaf) + _pem(intermediate))


def _leaf(
    organization: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate],
) -> x509.Certificate:
    subject = f"{organization} Claim Signer"
    return issue(subject, organization, key, issuer, days=_LEAF_DAYS, path_length=None)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(subject: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, subject[:64]),
        ]
    )


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds no elliptic curve key.")
    return key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes) -> None:
    """Owner-only from the first byte on, and never half written."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
