# Says what a mail program shows of a mail on stdin: a parser that is not ours.
import email.policy, hashlib, json, sys

raw = sys.stdin.buffer.read()
mail = email.message_from_bytes(raw, policy=email.policy.default)


def people(field):
    return [[a.display_name, a.addr_spec] for a in field.addresses] if field else []


def text(kind):
    part = mail.get_body(preferencelist=(kind,))
    return part.get_content().replace("\r\n", "\n").rstrip("\n") if part else ""


# Defects of the structure; PHPMailer and PHP's mail() put encoded words into
# quotes, as they always did.
defects = [repr(d) for part in mail.walk() for d in part.defects]
json.dump({
    "subject": mail["Subject"],
    "from": people(mail["From"]),
    "to": people(mail["To"]),
    "text": text("plain"),
    "html": text("html"),
    "files": [[p.get_filename(), hashlib.sha256(p.get_payload(decode=True)).hexdigest()] for p in mail.iter_attachments()],
    "defects": defects + (["Bcc"] if "Bcc" in mail else []),
    "clean": max(raw) < 128,
}, sys.stdout)
