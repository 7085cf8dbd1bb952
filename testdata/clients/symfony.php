<?php
// usage: symfony.php MAILER_DSN: sends the mail of order.json with Symfony Mailer.
require "/usr/share/php/Symfony/Component/Mailer/autoload.php";
$o = json_decode(file_get_contents("order.json"), true);
$mail = (new Symfony\Component\Mime\Email())
    ->from(new Symfony\Component\Mime\Address($o["from"], $o["from_name"]))
    ->to(new Symfony\Component\Mime\Address($o["to"], $o["to_name"]))
    ->subject($o["subject"])->text($o["text"])->html($o["html"])
    ->attachFromPath($o["file"], $o["file"], "application/pdf");
$dsn = substr($argv[1], strlen("MAILER_DSN="));
(new Symfony\Component\Mailer\Mailer(Symfony\Component\Mailer\Transport::fromDsn($dsn)))->send($mail);
