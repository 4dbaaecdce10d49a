"""The authority that set-up makes: once, privately, and never silently replaced."""

from __future__ import annotations

import multiprocessing
import stat

import pytest
from cryptography import x509

from generation.provenance import development_ca
from generation.provenance.c2pa import load_signer, read_credentials, sign_file
from generation.provenance.development_ca import days_left, ensure_development_ca


def contents(files) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files}


def test_calling_again_changes_nothing(tmp_path):
    first = contents(ensure_development_ca(tmp_path / "ca", "Sora"))
    second = contents(ensure_development_ca(tmp_path / "ca", "Sora"))

    assert first == second


def test_only_the_owner_can_read_it(tmp_path):
    files = ensure_development_ca(tmp_path / "ca", "Sora")

    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_the_leaf_follows_the_claim_signing_profile(tmp_path):
    files = ensure_development_ca(tmp_path / "ca", "Sora")
    leaf, intermediate = x509.load_pem_x509_certificates(files.chain.read_bytes())
    root = x509.load_pem_x509_certificate(files.root.read_bytes())
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert x509.ExtendedKeyUsageOID.EMAIL_PROTECTION in purposes
    assert development_ca.CLAIM_SIGNING in purposes
    assert leaf.public_key().curve.name == "secp256r1"
    assert leaf.not_valid_after_utc <= intermediate.not_valid_after_utc <= root.not_valid_after_utc


def test_days_left_counts_down_to_the_leafs_end(tmp_path):
    files = ensure_development_ca(tmp_path / "ca", "Sora")

    assert 1824 < days_left(files.chain) < 1825
    assert days_left(files.root.read_bytes()) > 7000
    with pytest.raises(ValueError):
        days_left(b"rubbish")


def test_a_leaf_near_its_end_is_renewed_and_old_files_stay_trusted(
    tmp_path, monkeypatch, files, claim
):
    monkeypatch.setattr(development_ca, "_LEAF_DAYS", 20)
    old = ensure_development_ca(tmp_path / "ca", "Sora")
    before = contents(old)
    signer = load_signer(development_ca=tmp_path / "ca")
    sign_file(files / "image.png", tmp_path / "old.png", claim(), identity=signer)

    monkeypatch.setattr(development_ca, "_LEAF_DAYS", 1825)
    ensure_development_ca(tmp_path / "ca", "Sora")
    after = contents(old)
    renewed = load_signer(development_ca=tmp_path / "ca")
    sign_file(files / "image.png", tmp_path / "new.png", claim(), identity=renewed)

    assert days_left(old.chain) > 1800
    assert {name for name in before if before[name] != after[name]} == {"chain.pem"}
    for name in ("old.png", "new.png"):
        assert read_credentials(tmp_path / name, renewed.trust_anchors).state == "trusted"


def test_a_lost_file_is_not_replaced_silently(tmp_path):
    files = ensure_development_ca(tmp_path / "ca", "Sora")
    files.root.unlink()

    with pytest.raises(FileNotFoundError, match=r"root\.pem"):
        ensure_development_ca(tmp_path / "ca", "Sora")


def test_an_interrupted_set_up_is_finished_by_the_next(tmp_path):
    files = ensure_development_ca(tmp_path / "ca", "Sora")
    files.chain.unlink()

    ensure_development_ca(tmp_path / "ca", "Sora")

    assert load_signer(development_ca=tmp_path / "ca").days_left > 1800


def test_processes_that_start_together_agree(tmp_path):
    context = multiprocessing.get_context("fork")
    started = [
        context.Process(target=ensure_development_ca, args=(tmp_path / "ca", "Sora"))
        for _ in range(4)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()

    assert [process.exitcode for process in started] == [0, 0, 0, 0]
    load_signer(development_ca=tmp_path / "ca")  # key and chain belong together


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError):
        ensure_development_ca(tmp_path / "file" / "ca", "Sora")
