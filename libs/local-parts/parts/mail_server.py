"""A mail server for tests: STARTTLS before AUTH, AUTH before mail, mails kept as files.

    mail_server.py PORT FOLDER   (the account comes by MAIL_USER and MAIL_PASSWORD; cert.pem and key.pem lie in FOLDER)
"""

import hmac
import os
import signal
import ssl
import sys
import threading
import uuid
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Inbox:
    def __init__(self, folder):
        self.folder = folder

    async def handle_DATA(self, server, session, envelope):
        # Receivers first, then the mail as it came; moved into place when it is whole.
        name = uuid.uuid4().hex
        text = "\n".join(envelope.rcpt_tos).encode() + b"\n\n" + envelope.content
        beside = self.folder / f"{name}.new"
        with open(beside, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(self.folder / f"{name}.eml")
        return "250 OK"


def authenticator(server, session, envelope, mechanism, auth_data):
    if not isinstance(auth_data, LoginPassword):
        return AuthResult(success=False, handled=False)
    right = hmac.compare_digest(auth_data.login, os.environ["MAIL_USER"].encode()) and hmac.compare_digest(
        auth_data.password, os.environ["MAIL_PASSWORD"].encode()
    )
    return AuthResult(success=right, handled=False)


def main():
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    controller = Controller(
        Inbox(inbox),
        hostname="127.0.0.1",
        port=port,
        tls_context=tls,
        require_starttls=True,
        auth_required=True,
        auth_require_tls=True,
        authenticator=authenticator,
        decode_data=False,
    )
    controller.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    controller.stop()


if __name__ == "__main__":
    main()
