"""One certificate for every server: the type decides what a handshake costs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write an ECDSA P-256 certificate; return the files of it and of its key.

    The certificate's file holds the key as well, as pyftpdlib wants it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    key_text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    for file, text in (
        (key_file, key_text),
        (
            certificate_file,
            certificate.public_bytes(serialization.Encoding.PEM) + key_text,
        ),
    ):
        file.touch(mode=0o600)
        file.write_bytes(text)
    return certificate_file, key_file
