# usage: smtp.pl FILE 'Net::SMTP->new(…)': sends a mail of write.py with Net::SMTP.
use strict;
use warnings;
use JSON::PP;
use Net::SMTP;

sub content {
    open my $f, '<:raw', $_[0] or die $!;
    local $/;
    return <$f>;
}

my $o = decode_json(content('order.json'));
my $password = $o->{password};
my $smtp = eval $ARGV[1];
die $@ || 'no connection' unless $smtp;
$smtp->mail($o->{from}) && $smtp->to($o->{to}) && $smtp->data(content($ARGV[0])) && $smtp->quit or die $smtp->message;
