"""What a scanner of TLS servers looks for, on each place where the receiver speaks TLS."""

from datetime import UTC, datetime, timedelta
import ftplib
import io
from itertools import batched
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
import pytest

from tests.receiver.conftest import (
    HOST,
    JPEG,
    MakeSite,
    Site,
    client_context,
    login,
    passive_port,
    run,
)

from .conftest import Prober
from .tls_probe import (
    FALLBACK_SCSV,
    HEARTBEAT,
    HELLO_RETRY,
    RENEGOTIATION_INFO,
    SSL_3_0,
    STRONG_GROUPS,
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    ask,
    hello,
)

ALL_SUITES = range(1, 0xD100)
"""Every number that IANA has given to a suite of TLS 1.2 or older, and all between."""

FORWARD_SECRET_AEAD = {
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
}
FORWARD_SECRET_CBC = {
    0xC009: "ECDHE-ECDSA-AES128-SHA",
    0xC00A: "ECDHE-ECDSA-AES256-SHA",
    0xC023: "ECDHE-ECDSA-AES128-SHA256",
    0xC024: "ECDHE-ECDSA-AES256-SHA384",
}
"""For cameras that would deliver in clear otherwise; chosen only where nothing else is
offered."""
TLS_1_3_SUITES = {0x1301, 0x1302, 0x1303}
HANDSHAKE_FAILURE, PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 40, 70, 86
"""Alerts, as RFC 5246 and RFC 7507 number them."""

WEAK = {
    "no encryption": (0x0001, 0x0002, 0x003B, 0xC006, 0xC010),
    "no authentication": (0x0018, 0x001B, 0x0034, 0x006D, 0x00A6, 0xC018, 0xC019),
    "export": (0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0062),
    "DES and 3DES": (0x0009, 0x000A, 0x0015, 0x0016, 0xC008, 0xC012),
    "RC4": (0x0004, 0x0005, 0xC007, 0xC011),
    "RSA key exchange": (0x002F, 0x0035, 0x009C, 0x009D),
    "finite-field Diffie-Hellman": (0x0033, 0x0039, 0x009E, 0x009F, 0xCCAA),
    "static Diffie-Hellman": (0x000D, 0x0030, 0x00A0, 0xC005, 0xC02D),
    "pre-shared keys": (0x008C, 0x00A8, 0xC035, 0xCCAB),
    "IDEA, SEED, Camellia, ARIA": (0x0007, 0x0096, 0x0041, 0xC048, 0xC05C),
}
WEAK_GROUPS = (1, 2, 3, 4, 5, 15, 16, 17, 18, 19, 20, 21)
"""Curves of up to 224 bits."""


@pytest.mark.parametrize("version", [SSL_3_0, TLS_1_0, TLS_1_1])
async def test_old_versions_are_refused(prober: Prober, version: int) -> None:
    answer = await run(lambda: prober(hello(version, list(range(1, 0x100)))))
    assert not answer.accepted
    assert answer.alert in (None, PROTOCOL_VERSION, HANDSHAKE_FAILURE)


async def test_ssl_2_is_refused(prober: Prober) -> None:
    # CLIENT-HELLO of SSL 2: three ciphers, a challenge of 16 bytes.
    body = (
        b"\x01\0\x02\0\x09\0\0\0\x10" + bytes.fromhex("0100800200800700c0") + bytes(16)
    )
    answer = await run(lambda: prober(bytes([0x80, len(body)]) + body))
    assert not answer.accepted


async def test_every_suite_of_tls_1_2_that_is_accepted_is_known(
    prober: Prober,
) -> None:
    def accepted() -> set[int]:
        found: set[int] = set()
        # The server chooses one of those that are offered: again without it.
        for offered in batched(ALL_SUITES, 8192, strict=False):
            left = [suite for suite in offered if suite != FALLBACK_SCSV]
            while (answer := prober(hello(TLS_1_2, left))).accepted:
                assert answer.version == TLS_1_2
                found.add(answer.cipher)
                left.remove(answer.cipher)
        return found

    found = await run(accepted)
    assert found >= FORWARD_SECRET_AEAD.keys()
    assert found <= FORWARD_SECRET_AEAD.keys() | FORWARD_SECRET_CBC.keys()


async def test_the_best_suite_is_chosen_whatever_the_client_prefers(
    prober: Prober,
) -> None:
    suites = [*FORWARD_SECRET_CBC, *FORWARD_SECRET_AEAD]
    answer = await run(lambda: prober(hello(TLS_1_2, suites)))
    assert answer.cipher in FORWARD_SECRET_AEAD


@pytest.mark.parametrize("suites", WEAK.values(), ids=WEAK)
async def test_weak_suites_are_refused(prober: Prober, suites: tuple[int, ...]) -> None:
    answer = await run(lambda: prober(hello(TLS_1_2, suites)))
    assert not answer.accepted
    assert answer.alert == HANDSHAKE_FAILURE


async def test_suites_of_tls_1_3(prober: Prober) -> None:
    def accepted() -> set[int]:
        left = list(range(0x1300, 0x1310))
        found: set[int] = set()
        while (answer := prober(hello(TLS_1_3, left))).accepted:
            assert answer.version == TLS_1_3
            # It has asked for a key, and chosen the suite already.
            assert answer.random == HELLO_RETRY
            found.add(answer.cipher)
            left.remove(answer.cipher)
        return found

    assert await run(accepted) == TLS_1_3_SUITES


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
async def test_weak_groups_are_refused(prober: Prober, version: int) -> None:
    suites = [*FORWARD_SECRET_AEAD, *TLS_1_3_SUITES]
    weak = await run(lambda: prober(hello(version, suites, groups=WEAK_GROUPS)))
    assert not weak.accepted
    strong = await run(lambda: prober(hello(version, suites, groups=STRONG_GROUPS)))
    assert strong.accepted


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
async def test_signatures_with_sha_1_are_refused(prober: Prober, version: int) -> None:
    suites = [*FORWARD_SECRET_AEAD, *TLS_1_3_SUITES]
    answer = await run(lambda: prober(hello(version, suites, sha1_only=True)))
    # With TLS 1.3 the key is asked for before anything is signed.
    assert not answer.accepted or answer.random == HELLO_RETRY


async def test_nothing_is_compressed(prober: Prober) -> None:
    deflate = b"\x01"
    offered = hello(TLS_1_2, list(FORWARD_SECRET_AEAD), compressions=deflate + b"\0")
    assert (await run(lambda: prober(offered))).compression == 0
    only = hello(TLS_1_2, list(FORWARD_SECRET_AEAD), compressions=deflate)
    assert not (await run(lambda: prober(only))).accepted


async def test_fallback_to_an_older_version_is_noticed(prober: Prober) -> None:
    suites = [*FORWARD_SECRET_AEAD, FALLBACK_SCSV]
    answer = await run(lambda: prober(hello(TLS_1_2, suites)))
    assert answer.alert == INAPPROPRIATE_FALLBACK


async def test_secure_renegotiation_is_known_and_heartbeat_is_not(
    prober: Prober,
) -> None:
    extensions = [(RENEGOTIATION_INFO, b"\0"), (HEARTBEAT, b"\x01")]
    offered = hello(TLS_1_2, list(FORWARD_SECRET_AEAD), extensions=extensions)
    answer = await run(lambda: prober(offered))
    assert answer.extensions[RENEGOTIATION_INFO] == b"\0"
    assert HEARTBEAT not in answer.extensions


async def test_no_tickets_after_the_handshake_on_data_connections(
    make_site: MakeSite,
) -> None:
    """One that a camera does not read would make its close a reset."""
    site = await make_site()

    def has_ticket() -> bool:
        client = login(site.port)
        port = passive_port(client.sendcmd("EPSV"))
        with socket.create_connection((HOST, port), timeout=20) as raw:
            client.putcmd("LIST")
            assert client.getresp().startswith("150")
            with client_context().wrap_socket(raw) as data:
                assert data.version() == "TLSv1.3"
                data.recv(4096)
                found = data.session
        client.close()
        return found is not None and found.has_ticket

    assert not await run(has_ticket)


async def test_a_scan_like_these_is_banned(site: Site) -> None:
    def scan() -> int:
        for asked in range(1, 30):
            with socket.create_connection((HOST, site.port), timeout=20) as raw:
                try:
                    if not raw.recv(4096):
                        return asked
                    raw.sendall(b"AUTH TLS\r\n")
                    raw.recv(4096)
                    ask(raw, hello(TLS_1_0, list(range(1, 0x100))))
                except ConnectionError:
                    return asked
        return 0

    assert 0 < await run(scan) <= 13


async def test_renegotiation_by_the_client_is_refused(site: Site) -> None:
    """A client that asks again and again for handshakes would cost much processor."""

    def attempt() -> str:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        with socket.create_connection((HOST, site.port), timeout=20) as raw:
            raw.recv(4096)
            raw.sendall(b"AUTH TLS\r\n")
            raw.recv(4096)
            # Its own waiting: with a timeout, a socket is not for OpenSSL itself.
            raw.settimeout(None)
            connection = SSL.Connection(context, raw)
            connection.set_connect_state()
            connection.do_handshake()
            assert connection.get_protocol_version_name() == "TLSv1.2"
            connection.send(b"NOOP\r\n")
            assert connection.recv(4096)
            assert connection.renegotiate()
            try:
                connection.do_handshake()
                connection.send(b"NOOP\r\n")
                connection.recv(4096)
            except SSL.Error as err:
                return str(err) or "ended"
            return f"{connection.total_renegotiations()} renegotiated"

    assert "renegotiated" not in await run(attempt)


async def test_certificate_is_strong(site: Site) -> None:
    def served() -> x509.Certificate:
        client = login(site.port)
        found = client.sock.getpeercert(binary_form=True)
        client.close()
        assert found is not None
        return x509.load_der_x509_certificate(found)

    made = await run(served)
    assert made.version is x509.Version.v3
    key = made.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.key_size >= 256
    assert isinstance(made.signature_hash_algorithm, hashes.SHA256)
    # Random, so that two certificates of one name never have one number.
    assert made.serial_number.bit_length() > 64
    now = datetime.now(UTC)
    assert made.not_valid_before_utc <= now
    assert now + timedelta(days=30) < made.not_valid_after_utc
    assert made.not_valid_after_utc - now < timedelta(days=3660)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)


async def test_requests_of_a_browser_get_nothing_of_theirs_back(
    make_site: MakeSite,
) -> None:
    """A page that makes a browser talk to this port learns and plants nothing (ALPACA)."""
    site = await make_site(implicit_port=0)

    def attempt() -> bytes:
        address = (HOST, site.receiver.implicit_port)
        received = b""
        with (
            socket.create_connection(address, timeout=20) as raw,
            client_context().wrap_socket(raw) as connection,
        ):
            connection.sendall(
                b"POST /<script>alert(1)</script> HTTP/1.1\r\nHost: nvr\r\n\r\n"
                b"HELP <script>alert(2)</script>\r\nQUIT\r\n"
            )
            try:
                while more := connection.recv(4096):
                    received += more
            except OSError:
                pass
        return received

    received = await run(attempt)
    assert received.startswith(b"220")
    assert b"script" not in received
    assert b"HTTP" not in received


async def test_what_is_sent_after_the_end_of_tls_is_not_taken_in_clear(
    site: Site,
) -> None:
    """A session that was encrypted is never continued in clear."""

    def attempt() -> bytes:
        client = login(site.port)
        raw = client.sock.unwrap()
        raw.settimeout(20)
        try:
            raw.sendall(b"STOR in-clear.jpg\r\n")
            return raw.recv(4096)
        except ConnectionError:
            return b""
        finally:
            raw.close()
            client.close()

    assert await run(attempt) == b""
    assert site.files() == {}


async def test_uploads_with_each_version_and_suite(site: Site) -> None:
    """What is offered works: the list above is not one of accidents."""

    def attempt(suite: str) -> None:
        context = client_context(ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(suite)
        client = login(site.port, context)
        assert isinstance(client, ftplib.FTP_TLS)
        assert client.sock.cipher()[0] == suite
        client.storbinary(f"STOR {suite}.jpg", io.BytesIO(JPEG))
        client.quit()

    for suite in FORWARD_SECRET_AEAD.values():
        await run(lambda suite=suite: attempt(suite))
    assert len(site.files()) == len(FORWARD_SECRET_AEAD)
