"""TEMP"""


class CertificateRefused(Exception):
    def __init__(self, code, text=""):
        super().__init__(text)
        self.code = code


class TrustList:
    def __init__(self, pki):
        pass

    def check(self, certificates, *, at=None):
        pass
