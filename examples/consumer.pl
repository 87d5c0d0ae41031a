#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# consumer.pl QUEUE COUNT - write the payloads of COUNT entries to standard output
use strict;
use warnings;

die "usage: consumer.pl QUEUE COUNT\n" unless @ARGV == 2;
my ($queue, $count) = @ARGV;
$| = 1;
open my $dequeue, '<', "$queue/dequeue" or die "$queue/dequeue: $!\n";

while ($count-- > 0) {
	# Each read is one entry, whole, and waits while the queue is empty.
	# Entries through this file are smaller than 1 MiB.
	my $n = sysread $dequeue, my $entry, 1 << 20;
	die "$queue/dequeue: $!\n" unless defined $n;
	print $entry;
}
close STDOUT or die "standard output: $!\n";
