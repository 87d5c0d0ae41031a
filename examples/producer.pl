#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# producer.pl QUEUE - each line of standard input becomes one entry
use strict;
use warnings;

# Held open, so that we are one producer and not one a line.
my $queue = shift // die "usage: producer.pl QUEUE\n";
open my $enqueue, '>', "$queue/enqueue" or die "$queue/enqueue: $!\n";

while (defined(my $line = <STDIN>)) {
	# Each write is one entry, and waits while the queue is full.
	my $n = syswrite $enqueue, $line;
	die "$queue/enqueue: $!\n" unless defined $n;
}
close $enqueue or die "$queue/enqueue: $!\n";
