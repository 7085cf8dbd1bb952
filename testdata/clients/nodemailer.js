// usage: nodemailer.js 'nodemailer.createTransport(…)': sends the mail of order.json.
const fs = require("fs")
const nodemailer = require("nodemailer")
const o = JSON.parse(fs.readFileSync("order.json"))
const password = o.password
const transport = eval(process.argv[2])
transport.sendMail({
  from: { name: o.from_name, address: o.from },
  to: { name: o.to_name, address: o.to },
  subject: o.subject,
  text: o.text,
  html: o.html,
  attachments: [{ path: o.file, filename: o.file, contentType: "application/pdf" }],
}).then(() => transport.close())
