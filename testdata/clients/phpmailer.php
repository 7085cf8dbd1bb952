<?php
// usage: phpmailer.php CHARSET 'LINES': sends the mail of order.json with
// PHPMailer, set up by lines of PHP.
require "/usr/share/php/libphp-phpmailer/autoload.php";
$o = json_decode(file_get_contents("order.json"), true);
$in = fn($s) => iconv("utf-8", $argv[1], $s);
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->CharSet = $argv[1];
$password = $o["password"];
eval($argv[2]);
$mail->setFrom($o["from"], $in($o["from_name"]));
$mail->addAddress($o["to"], $in($o["to_name"]));
$mail->Subject = $in($o["subject"]);
$mail->isHTML(true);
$mail->Body = $in($o["html"]);
$mail->AltBody = $in($o["text"]);
$mail->addAttachment($o["file"], $in($o["file"]), "base64", "application/pdf");
$mail->send();
