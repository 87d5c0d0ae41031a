#!/bin/bash
S=$1; mkdir "$S"; echo Guarded > $S/class
echo '{"IOUserClientEntitlements":"org.example.calc.open","methods":[{"name":"hello"},{"name":"admin","ent":"org.example.calc.admin"}]}' > $S/methods
exec 3<>$S/driver; echo register > $S/ctl
while IFS= read -r l <&3; do echo "driver got: $l" >&2; jq -c 'if .op=="call" then {id,rc:0} else empty end' <<<"$l" >&3; done
# SPDX-License-Identifier: MIT
