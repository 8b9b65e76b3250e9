"""Which algorithms the receiver agrees to, in the order of its preference.

The names are those of IANA's registry of SSH parameters.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """A set of algorithms."""

    key_exchange: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    signatures: tuple[str, ...]
    """Of host keys and of cameras' own keys."""


MODERN = Algorithms(
    key_exchange=(
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512",
    ),
    # Without ChaCha20: the client's first choice wins, OpenSSH's is ChaCha20, and
    # AES has instructions of its own in every processor that runs Home Assistant.
    ciphers=(
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    ),
    macs=(
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    ),
    signatures=(
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
)

COMPATIBLE = Algorithms(
    # What RFC 4253 of 2006 requires or recommends, and old firmware knows nothing
    # else: SHA-1, 1024-bit groups and CBC. Only for cameras that are named.
    key_exchange=(
        *MODERN.key_exchange,
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group1-sha1",
    ),
    ciphers=(*MODERN.ciphers, "aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"),
    macs=(*MODERN.macs, "hmac-sha1"),
    signatures=(*MODERN.signatures, "ssh-rsa"),
)
