"""The receiver's certificate: made when missing, and turned into TLS contexts."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import ipaddress
from pathlib import Path
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import CertificateError
from ..model import CertificateSettings
from ..private_file import write_private

_LIFETIME = timedelta(days=3650)
"""Cameras cannot follow a renewed certificate that they were told to trust."""

_RENEWED_BEFORE = timedelta(days=30)

_COMMON_NAME = "hikvision_nvr"


def check_certificate(certificate: Path, private_key: Path) -> None:
    """Check that both files can be read and belong together (blocking).

    Raises CertificateError.
    """
    _context(certificate, private_key)


@dataclass(slots=True)
class TlsContexts:
    """The contexts for control and data connections, swapped when files change.

    Connections that are open go on with the certificate they began with.
    """

    control: ssl.SSLContext
    data: ssl.SSLContext


def load_tls_contexts(settings: CertificateSettings) -> TlsContexts:
    """Return the contexts of the certificate (blocking).

    A certificate that may be generated is made when it is missing, cannot be read or
    is about to expire. Raises CertificateError.
    """
    if settings.generate and _is_due(settings):
        generate_certificate(settings)
    data = _context(settings.certificate, settings.private_key)
    # A camera that closes without reading would answer a session ticket with a
    # reset, and the reset destroys what it has just sent.
    data.num_tickets = 0
    return TlsContexts(_context(settings.certificate, settings.private_key), data)


def certificate_state(settings: CertificateSettings) -> tuple[object, ...]:
    """Return something that changes when the files change or must (blocking)."""
    files: list[tuple[int, int, int] | None] = []
    for path in (settings.certificate, settings.private_key):
        try:
            status = path.stat()
        except OSError:
            files.append(None)
        else:
            files.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return (*files, settings.generate and _is_due(settings))


def expires(settings: CertificateSettings) -> datetime:
    """Return when the certificate expires (blocking).

    Raises OSError or ValueError when it cannot be read.
    """
    content = settings.certificate.read_bytes()
    return x509.load_pem_x509_certificate(content).not_valid_after_utc


def generate_certificate(settings: CertificateSettings) -> None:
    """Write a self-signed ECDSA P-256 certificate (RFC 5280) and its key (blocking).

    Raises CertificateError when the files cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A camera whose clock is behind must not see a certificate of the future.
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + _LIFETIME)
        .add_extension(
            x509.SubjectAlternativeName(
                [_general_name(host) for host in settings.host_names]
                or [x509.DNSName("localhost")]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    try:
        write_private(
            settings.private_key,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        write_private(
            settings.certificate,
            certificate.public_bytes(serialization.Encoding.PEM),
        )
    except OSError as err:
        raise CertificateError(
            f"The certificate cannot be written: {err}", error=str(err)
        ) from err


def _is_due(settings: CertificateSettings) -> bool:
    try:
        soon = expires(settings) - datetime.now(UTC) < _RENEWED_BEFORE
        return soon or not settings.private_key.exists()
    except OSError, ValueError:
        return True


def _context(certificate: Path, private_key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a passphrase must fail here and not ask at a terminal.
        context.load_cert_chain(certificate, private_key, password=lambda: "")
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise CertificateError(
            f"{certificate} and {private_key} cannot be used: {err}",
            certificate=str(certificate),
            private_key=str(private_key),
            error=reason,
        ) from err
    return context


def _general_name(host: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host.encode("idna").decode())
