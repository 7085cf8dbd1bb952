<?php
// usage: mail.php CHARSET RAW: sends the mail of order.json with mail(). RAW is
// yes where header fields hold 8-bit text as it is.
$o = json_decode(file_get_contents("order.json"), true);
[, $charset, $raw] = $argv;
$in = fn($s) => iconv("utf-8", $charset, $s);
$word = fn($s) => $raw == "yes" ? $in($s) : "=?$charset?B?" . base64_encode($in($s)) . "?=";
$leaf = fn($kind, $s) => "Content-Type: text/$kind; charset=$charset\nContent-Transfer-Encoding: 8bit\n\n" . $in($s) . "\n";
$body = "--outer\nContent-Type: multipart/alternative; boundary=inner\n\n--inner\n" . $leaf("plain", $o["text"])
    . "--inner\n" . $leaf("html", $o["html"]) . "--inner--\n--outer\n"
    . "Content-Type: application/pdf; name=\"" . $word($o["file"]) . "\"\n"
    . "Content-Disposition: attachment; filename=\"" . $word($o["file"]) . "\"\n"
    . "Content-Transfer-Encoding: base64\n\n" . chunk_split(base64_encode(file_get_contents($o["file"])), 76, "\n") . "--outer--\n";
$headers = ["From" => $word($o["from_name"]) . " <$o[from]>", "MIME-Version" => "1.0",
    "Content-Type" => "multipart/mixed; boundary=outer", "Content-Transfer-Encoding" => "8bit"];
$sent = mail($word($o["to_name"]) . " <$o[to]>", $word($o["subject"]), $body, $headers, "-f$o[from]");
exit($sent ? 0 : 1);
