"""A time stamp keeps a file trusted after the signing certificate has ended; without it, nothing does."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from generation.provenance import development_ca
from generation.provenance.c2pa import read_credentials, sign_file
from tests.provenance.test_signing_failures import leaf_valid

CONFIG = """
[tsa]
default_tsa = only
[only]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/stamp.pem
certs = {folder}/root.pem
signer_key = {folder}/stamp.key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Authority:
    url: str
    root: str


@pytest.fixture
def stamps(tmp_path: Path) -> Iterator[Authority]:
    """An RFC 3161 time stamp authority on this machine."""
    if shutil.which("openssl") is None:
        pytest.skip("NO openssl FOUND: time stamps were not tested")
    folder = tmp_path / "tsa"
    folder.mkdir()
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = development_ca.issue("TSA Root", "TSA", root_key, None, days=3650, path_length=0)
    template = development_ca.issue("TSA", "TSA", key, (root_key, root), days=900, path_length=None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(template.subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(template.not_valid_before_utc)
        .not_valid_after(template.not_valid_after_utc)
    )
    for extension in template.extensions:
        if not isinstance(extension.value, x509.ExtendedKeyUsage):
            builder = builder.add_extension(extension.value, extension.critical)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    stamp = builder.add_extension(purpose, critical=True).sign(root_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "root.pem").write_bytes(root.public_bytes(pem))
    (folder / "stamp.pem").write_bytes(stamp.public_bytes(pem))
    (folder / "stamp.key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "serial").write_text("01")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = folder / "question"
            question.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            command = ["openssl", "ts", "-reply", "-config", folder / "tsa.cnf"]
            answer = subprocess.run(
                [*command, "-queryfile", question], capture_output=True, check=True
            ).stdout
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Authority(f"http://127.0.0.1:{server.server_port}/", (folder / "root.pem").read_text())
    server.shutdown()
    server.server_close()


def test_a_stamp_outlives_the_certificate(ca, files, tmp_path, signer, claim, stamps):
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    lifetime = dt.timedelta(minutes=1, seconds=4)
    chain, key = leaf_valid(ca, tmp_path, start=start, days=lifetime / dt.timedelta(days=1))
    roots = signer.trust_anchors + stamps.root
    short = replace(
        signer, chain_pem=chain.read_bytes(), key_pem=key.read_bytes(), trust_anchors=roots
    )
    stamped, plain = tmp_path / "stamped.png", tmp_path / "plain.png"

    sign_file(
        files / "image.png", stamped, claim(), identity=replace(short, timestamp_url=stamps.url)
    )
    sign_file(files / "image.png", plain, claim(), identity=short)
    signed_at = read_credentials(stamped, roots).claims["signed_at"]
    time.sleep(max(0.0, (start + lifetime - dt.datetime.now(dt.UTC)).total_seconds()) + 1.5)

    assert signed_at.startswith(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}")
    assert read_credentials(stamped, roots).state == "trusted"
    assert read_credentials(plain, roots).state == "invalid"
    # The stamp counts only for readers who trust the authority that made it.
    assert read_credentials(stamped, signer.trust_anchors).state == "invalid"
