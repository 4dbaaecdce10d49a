"""When signing fails, nothing leaves: a SigningError with a code, and no file."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from generation.provenance import development_ca
from generation.provenance.c2pa import SigningError, load_signer, read_credentials, sign_file
from generation.provenance.development_ca import ensure_development_ca
from tests.children import run_python, small_disk


def leaf_valid(ca, folder: Path, *, start: dt.datetime, days: float) -> tuple[Path, Path]:
    """(chain, key) of a leaf under the test authority with its own validity."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = serialization.load_pem_private_key(ca.intermediate_key.read_bytes(), None)
    issuer = x509.load_pem_x509_certificate(ca.intermediate.read_bytes())
    leaf = development_ca.issue(
        "Signer", "Test", key, (issuer_key, issuer), days=days, path_length=None, start=start
    )
    chain, key_path = folder / "chain.pem", folder / "key.pem"
    pem = leaf.public_bytes(serialization.Encoding.PEM)
    chain.write_bytes(pem + ca.intermediate.read_bytes())
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, key_path


def ago(**delta: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(**delta)


def code_of(work) -> str:
    with pytest.raises(SigningError) as error:
        work()
    return error.value.code


def test_an_expired_certificate_is_refused_at_load(ca, tmp_path):
    chain, key = leaf_valid(ca, tmp_path, start=ago(days=30), days=29)

    load = lambda: load_signer(certificate_chain=chain, private_key=key, trust_anchors=ca.root)  # noqa: E731

    assert code_of(load) == "certificate_expired"


def test_a_certificate_that_expires_while_the_worker_runs_stops_signing(
    ca, files, tmp_path, signer, claim
):
    """The identity was loaded while it was good; the check is made for every file."""
    chain, key = leaf_valid(ca, tmp_path, start=ago(days=30), days=29)
    stale = replace(signer, chain_pem=chain.read_bytes(), key_pem=key.read_bytes())
    out = tmp_path / "out.mp4"

    assert code_of(lambda: sign_file(files / "clip.mp4", out, claim(), identity=stale)) == (
        "certificate_expired"
    )
    assert not out.exists()
    assert stale.days_left < 0


def test_a_certificate_of_tomorrow_is_refused(ca, tmp_path):
    chain, key = leaf_valid(ca, tmp_path, start=ago(days=-1), days=30)

    assert code_of(lambda: load_signer(certificate_chain=chain, private_key=key)) == (
        "certificate_not_yet_valid"
    )


def test_a_missing_key_is_refused(ca, tmp_path):
    assert code_of(
        lambda: load_signer(certificate_chain=ca.chain, private_key=tmp_path / "no.pem")
    ) == ("key_missing")
    assert code_of(lambda: load_signer(certificate_chain=ca.chain)) == "key_missing"


def test_a_missing_certificate_is_refused(ca, tmp_path):
    assert code_of(
        lambda: load_signer(certificate_chain=tmp_path / "no.pem", private_key=ca.key)
    ) == ("certificate_missing")
    assert code_of(lambda: load_signer()) == "certificate_missing"
    assert code_of(lambda: load_signer(development_ca=tmp_path)) == "certificate_missing"


def test_a_key_of_another_certificate_is_refused(ca, tmp_path):
    other = ensure_development_ca(tmp_path / "other", "Other")

    assert code_of(lambda: load_signer(certificate_chain=ca.chain, private_key=other.key)) == (
        "key_mismatch"
    )


def test_a_key_swapped_after_loading_leaves_no_file(ca, files, tmp_path, signer, claim):
    other = ensure_development_ca(tmp_path / "other", "Other")
    swapped = replace(signer, key_pem=other.key.read_bytes())
    out = tmp_path / "out.mp4"

    assert code_of(lambda: sign_file(files / "clip.mp4", out, claim(), identity=swapped)) == (
        "key_mismatch"
    )
    assert not out.exists()


@pytest.mark.parametrize("content", [b"", b"not a certificate", b"\0\xff"])
def test_rubbish_for_a_certificate_is_refused(ca, tmp_path, content):
    (tmp_path / "chain.pem").write_bytes(content)

    assert code_of(
        lambda: load_signer(certificate_chain=tmp_path / "chain.pem", private_key=ca.key)
    ) == ("certificate_invalid")


def test_a_chain_in_the_wrong_order_is_refused(ca, tmp_path):
    pems = x509.load_pem_x509_certificates(ca.chain.read_bytes())
    turned = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in reversed(pems))
    (tmp_path / "chain.pem").write_bytes(turned)

    assert code_of(
        lambda: load_signer(certificate_chain=tmp_path / "chain.pem", private_key=ca.key)
    ) == ("certificate_invalid")


def test_a_leaf_without_its_intermediate_leaves_no_file(ca, files, tmp_path, claim):
    """The library would sign with it, and every reader would call the file untrusted."""
    leaf = x509.load_pem_x509_certificates(ca.chain.read_bytes())[0]
    (tmp_path / "chain.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    lonely = load_signer(
        certificate_chain=tmp_path / "chain.pem", private_key=ca.key, trust_anchors=ca.root
    )
    out = tmp_path / "out.mp4"

    assert code_of(lambda: sign_file(files / "clip.mp4", out, claim(), identity=lonely)) == (
        "signing_failed"
    )
    assert not out.exists()


# Callbacks: module-level, because configuration names them by their dotted path.

_key: ec.EllipticCurvePrivateKey | None = None


def sign_with_vault(data: bytes) -> bytes:
    assert _key is not None
    return _key.sign(data, ec.ECDSA(hashes.SHA256()))


def unreachable_vault(data: bytes) -> bytes:
    raise ConnectionError("the key vault doesn't answer")


def confused_vault(data: bytes) -> bytes:
    return b"\x01" * 64


def vault(ca, name: str):
    return load_signer(
        certificate_chain=ca.chain, callback=f"{__name__}.{name}", trust_anchors=ca.root
    )


def test_a_callback_signs(ca, files, tmp_path, claim, monkeypatch):
    key = serialization.load_pem_private_key(ca.key.read_bytes(), None)
    monkeypatch.setattr(f"{__name__}._key", key)
    identity = vault(ca, "sign_with_vault")

    sign_file(files / "clip.mp4", tmp_path / "out.mp4", claim(), identity=identity)

    assert identity.key_pem is None
    assert read_credentials(tmp_path / "out.mp4", identity.trust_anchors).state == "trusted"


@pytest.mark.parametrize(
    ("name", "code"),
    [("unreachable_vault", "callback_failed"), ("confused_vault", "signing_failed")],
)
def test_a_failing_callback_leaves_no_file(ca, files, tmp_path, claim, name, code):
    out = tmp_path / "out.mp4"

    with pytest.raises(SigningError) as error:
        sign_file(files / "clip.mp4", out, claim(), identity=vault(ca, name))

    assert error.value.code == code
    if code == "callback_failed":
        assert "doesn't answer" in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "dotted", ["no.such.module.sign", "json.no_such_name", "json.__name__", "x"]
)
def test_a_callback_that_is_not_there_is_refused(ca, dotted):
    assert (
        code_of(lambda: load_signer(certificate_chain=ca.chain, callback=dotted)) == "key_missing"
    )


def test_key_and_callback_together_are_refused(ca):
    assert code_of(
        lambda: load_signer(certificate_chain=ca.chain, private_key=ca.key, callback="json.dumps")
    ) == ("key_missing")


def test_an_unreachable_time_stamp_authority_leaves_no_file(files, tmp_path, signer, claim):
    stamped = replace(signer, timestamp_url="http://127.0.0.1:9/stamp")
    out = tmp_path / "out.mp4"

    assert code_of(lambda: sign_file(files / "clip.mp4", out, claim(), identity=stamped)) == (
        "signing_failed"
    )
    assert not out.exists()


def test_a_file_that_cannot_carry_a_manifest_is_refused(tmp_path, signer, claim):
    (tmp_path / "a.mp4").write_bytes(b"plain text")

    assert code_of(
        lambda: sign_file(tmp_path / "a.mp4", tmp_path / "b.mp4", claim(), identity=signer)
    ) == ("unsupported_type")


def test_a_missing_source_or_parent_is_a_signing_error(files, tmp_path, signer, claim):
    from generation.provenance.c2pa import Parent

    out, gone = tmp_path / "out.mp4", tmp_path / "gone.mp4"

    assert code_of(lambda: sign_file(gone, out, claim(), identity=signer)) == "signing_failed"
    assert code_of(
        lambda: sign_file(files / "clip.mp4", out, claim(), [Parent(gone)], identity=signer)
    ) == ("signing_failed")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_file_that_was_there(files, tmp_path, signer, claim, ca):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"before")

    code_of(
        lambda: sign_file(files / "clip.mp4", out, claim(), identity=vault(ca, "unreachable_vault"))
    )

    assert out.read_bytes() == b"before"


def test_a_full_disk_leaves_no_file(ca, files, tmp_path):
    size = (files / "clip.mp4").stat().st_size
    code = small_disk(size) + (
        "import datetime, sys\n"
        "from generation.provenance.c2pa import *\n"
        "claim = ManifestClaim('t', 'm', '1', 's', '1', 'j', False,"
        " datetime.datetime.now(datetime.UTC))\n"
        "signer = load_signer(development_ca=sys.argv[3])\n"
        "try: sign_file(sys.argv[1], sys.argv[2], claim, identity=signer)\n"
        "except SigningError as error: print(error.code)\n"
    )

    out = run_python(code, files / "clip.mp4", tmp_path / "out.mp4", ca.root.parent)

    assert out.split() == ["disk_full"]
    assert list(tmp_path.iterdir()) == []


def test_the_private_key_is_in_no_representation(signer):
    assert "PRIVATE KEY" not in repr(signer)
