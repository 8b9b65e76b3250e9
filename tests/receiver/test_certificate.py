"""The certificate is made, renewed and reloaded without dropping anybody."""

import asyncio
from datetime import UTC, datetime, timedelta
import io
from pathlib import Path
import ssl
import stat

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
import pytest

from custom_components.hikvision_nvr.errors import CertificateError
from custom_components.hikvision_nvr.model import CertificateSettings
from custom_components.hikvision_nvr.receiver import Receiver, certificate
from custom_components.hikvision_nvr.receiver.certificate import (
    check_certificate,
    expires,
    generate_certificate,
    load_tls_contexts,
)

from .conftest import HOST, JPEG, MakeSite, connect, login, run

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"


def settings(folder: Path, *, generate: bool = True) -> CertificateSettings:
    return CertificateSettings(
        certificate=folder / "certificate.pem",
        private_key=folder / "key.pem",
        generate=generate,
        host_names=("nvr.local", HOST, "fd00::1", "камера.local"),
    )


def served(port: int) -> bytes:
    """Return the certificate that a new connection is shown (blocking)."""
    client = connect(port)
    client.auth()
    found = client.sock.getpeercert(binary_form=True)
    client.close()
    assert found is not None
    return found


def test_generated_certificate(tmp_path: Path) -> None:
    given = settings(tmp_path)
    load_tls_contexts(given)
    made = x509.load_pem_x509_certificate(given.certificate.read_bytes())
    key = made.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "nvr.local",
        "xn--80aaoslz.local",
    ]
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {
        HOST,
        "fd00::1",
    }
    assert stat.S_IMODE(given.private_key.stat().st_mode) == 0o600


def test_certificate_is_kept_while_it_is_good(tmp_path: Path) -> None:
    given = settings(tmp_path)
    load_tls_contexts(given)
    before = given.certificate.read_bytes()
    load_tls_contexts(given)
    assert given.certificate.read_bytes() == before


def test_certificate_is_renewed_before_it_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(certificate, "_LIFETIME", timedelta(days=29))
        generate_certificate(given)
    load_tls_contexts(given)
    assert expires(given) > datetime.now(UTC) + timedelta(days=300)


@pytest.mark.parametrize("spoilt", ["certificate", "private_key"])
def test_files_that_do_not_fit_are_said(tmp_path: Path, spoilt: str) -> None:
    given = settings(tmp_path, generate=False)
    with pytest.raises(CertificateError):
        check_certificate(given.certificate, given.private_key)
    generate_certificate(given)
    check_certificate(given.certificate, given.private_key)
    getattr(given, spoilt).write_text("nothing of the kind")
    with pytest.raises(CertificateError):
        load_tls_contexts(given)


def test_key_of_another_certificate_is_said(tmp_path: Path) -> None:
    given, other = settings(tmp_path, generate=False), settings(tmp_path / "other")
    generate_certificate(given)
    generate_certificate(other)
    with pytest.raises(CertificateError):
        check_certificate(given.certificate, other.private_key)


def test_own_certificate_is_never_replaced(tmp_path: Path) -> None:
    given = settings(tmp_path, generate=False)
    with pytest.raises(CertificateError):
        load_tls_contexts(given)
    assert not given.certificate.exists()


async def test_new_files_are_used_and_open_sessions_go_on(
    monkeypatch: pytest.MonkeyPatch, make_site: MakeSite
) -> None:
    monkeypatch.setattr(Receiver, "certificate_check", 0.05)
    site = await make_site()
    before = await run(lambda: served(site.port))
    client = await run(lambda: login(site.port))
    await run(lambda: generate_certificate(site.certificate))
    async with asyncio.timeout(20):
        while await run(lambda: served(site.port)) == before:
            await asyncio.sleep(0.05)
    await run(lambda: client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG)))
    await run(client.quit)
    assert list(site.files().values()) == [JPEG]


def test_context_of_the_data_channel_sends_no_tickets(tmp_path: Path) -> None:
    contexts = load_tls_contexts(settings(tmp_path))
    assert contexts.data.num_tickets == 0
    assert contexts.control.minimum_version is ssl.TLSVersion.TLSv1_2
