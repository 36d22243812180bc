"""Reads a mail as a mail program does: gives its headers, and the types and texts of its parts, as JSON.

    read_mail.py < MAIL
"""
import email, email.policy, json, sys

mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = [{"type": part.get_content_type(), "text": part.get_content()} for part in mail.walk() if not part.is_multipart()]
print(json.dumps({"type": mail.get_content_type(), "headers": {name: str(value) for name, value in mail.items()}, "parts": parts}))
