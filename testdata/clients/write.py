# Writes the mail of order.json as utf-8.eml and euc-kr.eml: raw 8-bit text in
# header and body, as old applications make it. Lines end with LF.
import json

order = json.load(open("order.json", encoding="utf-8"))
data = open(order["file"], "rb").read()


def part(headers, body):
    return "\n".join(headers).encode() + b"\n\n" + body + b"\n"


def write(charset):
    import base64
    o = {k: v.encode(charset) if isinstance(v, str) else v for k, v in order.items()}
    mail = (b'From: "' + o["from_name"] + b'" <' + o["from"] + b'>\n'
            b'To: "' + o["to_name"] + b'" <' + o["to"] + b'>\n'
            b'Subject: ' + o["subject"] + b'\n'
            b'MIME-Version: 1.0\n'
            b'Content-Type: multipart/mixed; boundary="outer"\n'
            b'Content-Transfer-Encoding: 8bit\n\n'
            b'--outer\nContent-Type: multipart/alternative; boundary="inner"\n\n--inner\n'
            + part([f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: 8bit"], o["text"])
            + b'--inner\n'
            + part([f"Content-Type: text/html; charset={charset}", "Content-Transfer-Encoding: 8bit"], o["html"])
            + b'--inner--\n--outer\n'
            b'Content-Type: application/pdf; name="' + o["file"] + b'"\n'
            b'Content-Disposition: attachment; filename="' + o["file"] + b'"\n'
            b'Content-Transfer-Encoding: base64\n\n'
            + base64.encodebytes(data) + b'--outer--\n')
    with open(charset + ".eml", "wb") as f:
        f.write(mail)
    with open(charset + ".crlf.eml", "wb") as f:
        f.write(mail.replace(b"\n", b"\r\n"))


write("utf-8")
write("euc-kr")
