# usage: smtp.py CHARSET "s = smtplib.SMTP(…)": sends the mail of order.json with Python's smtplib.
import json, smtplib, ssl, sys
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.header import Header
from email.utils import formataddr
import email.policy

o = json.load(open("order.json", encoding="utf-8"))
data = open(o["file"], "rb").read()
charset = sys.argv[1]


def today():
    m = EmailMessage(policy=email.policy.SMTP.clone(cte_type="8bit"))
    m["Subject"] = o["subject"]
    m["From"] = Address(o["from_name"], addr_spec=o["from"])
    m["To"] = Address(o["to_name"], addr_spec=o["to"])
    m.set_content(o["text"], cte="8bit")
    m.add_alternative(o["html"], subtype="html")
    m.add_attachment(data, maintype="application", subtype="pdf", filename=o["file"])
    return m


def before():  # as scripts made it before Python 3.6
    m = MIMEMultipart()
    m["Subject"] = Header(o["subject"], charset)
    m["From"] = formataddr((o["from_name"], o["from"]), charset)
    m["To"] = formataddr((o["to_name"], o["to"]), charset)
    both = MIMEMultipart("alternative")
    both.attach(MIMEText(o["text"], "plain", charset))
    both.attach(MIMEText(o["html"], "html", charset))
    m.attach(both)
    file = MIMEApplication(data, "pdf")
    file.add_header("Content-Disposition", "attachment", filename=(charset, "", o["file"]))
    m.attach(file)
    return m


mail = today() if charset == "utf-8" else before()
names = {"smtplib": smtplib, "context": ssl.create_default_context(), "password": o["password"]}
exec(sys.argv[2], names)
with names["s"] as s:
    s.send_message(mail)
