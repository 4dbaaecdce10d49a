"""Start-up checks: each fires for its fault, names the setting, and is silent by default."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core import checks
from pytest_django import Settings

from generation.provenance.development_ca import CaFiles, ensure_development_ca


def found() -> dict[str, str]:
    """id -> message and hint of everything that fires now and asks for something to be done.

    What this machine's kernel grants (W009) is no matter of settings.
    """
    return {
        str(m.id): f"{m.msg} {m.hint}"
        for m in checks.run_checks(tags=["sora"])
        if m.level >= checks.WARNING and m.id != "sora.W009"
    }


def test_the_embedded_defaults_raise_nothing() -> None:
    assert found() == {}


def test_a_state_folder_that_cannot_be_written(settings: Settings) -> None:
    settings.SORA_STATE_DIR = Path(__file__) / "state"  # below a file, so not even root may

    assert "SORA_STATE_DIR" in found()["sora.E002"]


@pytest.fixture
def public_site(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """A site with an https address that is set up as it should be."""
    monkeypatch.setenv("SECRET_KEY", "s" * 50)
    settings.SORA_DEVELOPMENT_CA_DIR = tmp_path / "pki"  # other tests make the usual one
    settings.SECRET_KEY = "s" * 50
    settings.PUBLIC_URL, settings.SECURE = "https://clips.example.com", True
    settings.ALLOWED_HOSTS = ["clips.example.com"]
    settings.EMAIL_URL = "smtp://mail.example.com"
    settings.TRUSTED_PROXIES = 1
    settings.SORA_CYBERTIP_MODE = "production"
    settings.SORA_CYBERTIP_USER, settings.SORA_CYBERTIP_PASSWORD = "user", "password"
    settings.SORA_CYBERTIP_REPORTER = "safety@example.com"
    return settings


def test_a_public_site_set_up_well_raises_nothing(public_site: Settings) -> None:
    assert found() == {}


def test_a_public_site_needs_its_own_secret_key(
    public_site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY")

    assert "Set SECRET_KEY" in found()["sora.E003"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SECRET_KEY", "short", "sora.E003"),
        ("ALLOWED_HOSTS", ["localhost"], "sora.E004"),
        ("DEBUG", True, "sora.E005"),
        ("EMAIL_URL", "", "sora.W003"),
        ("SECURE", False, "sora.W004"),
        ("TRUSTED_PROXIES", 0, "sora.W005"),
    ],
)
def test_a_public_site_lacks(public_site: Settings, name: str, value: object, code: str) -> None:
    setattr(public_site, name, value)

    assert set(found()) == {code}


@pytest.mark.parametrize("host", [".example.com", "*"])
def test_a_pattern_that_covers_the_public_host_is_enough(public_site: Settings, host: str) -> None:
    public_site.ALLOWED_HOSTS = [host]

    assert found() == {}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3"}}, "sora.E006"),
        ("BROKER_URL", "kafka://x", "sora.E007"),
        ("CACHE_URL", "amqp://x", "sora.E007"),
        ("MEDIA_BACKEND", "tape", "sora.E008"),
        ("MEDIA_DELIVERY", "presigned", "sora.E008"),
        ("SORA_ENGINE", "no.such.Engine", "sora.E009"),
        ("SORA_FRAME_CLASSIFIER", "nothing", "sora.E009"),
        ("SORA_MODEL_DIR", Path("/nowhere"), "sora.W006"),
    ],
)
def test_a_setting_that_cannot_work(
    settings: Settings, name: str, value: object, code: str
) -> None:
    setattr(settings, name, value)

    assert code in found()


# --- signing ---------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> CaFiles:
    return ensure_development_ca(tmp_path / "pki", "Tests")


@pytest.fixture
def own_certificate(settings: Settings, authority: CaFiles) -> Settings:
    settings.SORA_SIGNING_CHAIN = str(authority.chain)
    settings.SORA_SIGNING_KEY = str(authority.key)
    return settings


def test_an_own_certificate_raises_nothing(own_certificate: Settings) -> None:
    assert found() == {}


def test_a_missing_signing_key_file(own_certificate: Settings) -> None:
    own_certificate.SORA_SIGNING_KEY = "/nowhere/key.pem"

    assert "SORA_SIGNING_KEY=/nowhere/key.pem" in found()["sora.E001"]


def test_a_chain_without_key_or_callback(own_certificate: Settings) -> None:
    own_certificate.SORA_SIGNING_KEY = ""

    assert "SORA_SIGNING_CALLBACK" in found()["sora.E001"]


def test_a_chain_that_is_no_certificate(own_certificate: Settings, tmp_path: Path) -> None:
    own_certificate.SORA_SIGNING_CHAIN = str(tmp_path / "text.pem")
    (tmp_path / "text.pem").write_text("hello")

    assert "no readable certificate" in found()["sora.E001"]


@pytest.mark.parametrize(
    ("days", "code"), [(-1, "sora.E001"), (3, "sora.W002")], ids=["expired", "soon"]
)
def test_a_certificate_near_its_end(
    own_certificate: Settings, tmp_path: Path, days: int, code: str
) -> None:
    own_certificate.SORA_SIGNING_CHAIN = str(certificate_for(days, tmp_path / "short.pem"))

    assert set(found()) == {code}


def test_a_public_site_is_told_that_strangers_do_not_trust_its_certificate(
    public_site: Settings, authority: CaFiles
) -> None:
    public_site.SORA_DEVELOPMENT_CA_DIR = authority.root.parent

    assert set(found()) == {"sora.W001"}


def certificate_for(days: int, path: Path) -> Path:
    """A self-signed certificate that ends so many days from now."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "short")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
