"""Certificates of every kind that a server may show, made for the test: good ones and each way to be wrong."""

import base64
import datetime
import hashlib
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "dns.test"


def ahead(days):
    return datetime.datetime.utcnow() + datetime.timedelta(days=days)


@dataclass
class Credentials:
    """What a server shows (certificates in PEM, its own first) and its key."""
    chain: str
    key: str
    certificate: x509.Certificate

    @property
    def pin(self):
        """Of its public key, as settings write it."""
        spki = self.certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


class Authority:
    """Signs certificates; its own is in the file `path`, for those who trust it."""

    def __init__(self, folder, name="Test Authority", signed_by=None):
        self.folder, self.name, self.made = folder, name, 0
        self._key = ec.generate_private_key(ec.SECP256R1())
        issuer = signed_by or self
        self.subject = _named(name)
        builder = _builder(self.subject, issuer.subject, self._key, ahead(-400), ahead(400))
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        self.certificate = builder.sign(issuer._key, hashes.SHA256())
        self.path = folder / f"{name.replace(' ', '-').lower()}.pem"
        self.path.write_text(_pem(self.certificate))
        self.path.chmod(0o644)

    def issue(self, names=(NAME,), addresses=(), begins=-1, ends=30, above=(), self_signed=False, many=0):
        """Credentials for a server of these names and addresses, valid from `begins` to `ends` (days from now). above: authorities
        whose certificates are sent along; many: so many useless ones are, too."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(names[0] if names else addresses[0])
        alternatives = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
        builder = _builder(subject, subject if self_signed else self.subject, key, ahead(begins), ahead(ends))
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        certificate = builder.sign(key if self_signed else self._key, hashes.SHA256())

        self.made += 1
        place = self.folder / f"{self.name.replace(' ', '-').lower()}-{self.made}"
        chain = place.with_suffix(".chain")
        chain.write_text(_pem(certificate) + "".join(_pem(a.certificate) for a in above) + many * _pem(self.certificate))
        key_path = place.with_suffix(".key")
        key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return Credentials(str(chain), str(key_path), certificate)


def _named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _builder(subject, issuer, key, begins, ends):
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends))
