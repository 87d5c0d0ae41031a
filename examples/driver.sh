#!/bin/bash
# SPDX-License-Identifier: MIT
#
# driver.sh SERVICE - a service that calculates, for instance driver.sh MOUNT/IOService/Calculator
#
#	exec 5<>SERVICE/clone; read -r n <&5
#	exec 6<>SERVICE/clients/$n/m/multiply; echo 6 7 >&6; cat <&6
#
# It lasts until it is removed (rmdir SERVICE), or this script ends.
set -u
service=$1

mkdir "$service" || exit 1		# after a restart of fsd it is there: rmdir it, or open driver alone
echo Calculator >"$service/class"
echo 'Calculator of bash' >"$service/prop/Model"
cat >"$service/methods" <<'END_OF_METHODS'
{"methods": [{"name": "multiply", "si": 2, "so": 1},
             {"name": "echo", "sis": "*", "sos": "*"},
             {"name": "count", "si": 1, "allowAsync": true}]}
END_OF_METHODS
exec 3<>"$service/driver"
echo 'format text' >&3
echo register >"$service/ctl"

# What is said to a client that is gone is refused; that is all.
say() { echo "$*" >&3; } 2>/dev/null

# count: the completions 1 to $si; without a reference there is nobody to tell.
count() {
	if [ -z "$async" ]; then
		say "id=$id rc=kIOReturnBadArgument"
		return
	fi
	say "id=$id rc=0"
	for ((i = 1; i <= si; i++)); do
		say "async=$async conn=$conn rc=0 args=$i,$si" || return
	done
}

# A request is words such as op=call id=8 conn=1 sel=0 si=6,7 so=1 sos=0; in a value,
# what has a meaning is escaped. fsd has compared the sizes with the table.
while read -ra words <&3; do
	op='' id='' conn='' sel='' si='' sib='' async=''
	for word in "${words[@]}"; do
		declare "$word"
	done
	case $op$sel in
	call0) say "id=$id rc=0 so=$((${si/,/*}))" ;;
	call1) say "id=$id rc=0 sob=$sib" ;;
	call2) count ;;
	esac
done
