#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Who may do what: fsd run by root with several users, and by an ordinary one.

load lib
load checks
setup_file() { fsd_setup_file; }
setup() { fsd_setup; }
teardown() { fsd_teardown; }

@test "any user may make a queue, and only the owner or root may remove it" {
	skip_unless_root "other users have to be made"
	start_fsd
	as_user 1001:2001 mkdir "$MNT/queues/q"
	run ! as_user 1002 rmdir "$MNT/queues/q"
	as_user 1001 rmdir "$MNT/queues/q"
}
