#!/bin/bash
# asynchronous driver: selector 0 starts N ticks, completions arrive later; type-7 notification port; memory type 0
S=$1
mkdir "$S"; echo Pulse > $S/class
truncate -s 4096 $S/buf/page                # a memory object, mappable by both sides
cat > $S/methods <<'END'
{"methods":[{"name":"start","si":1,"allowAsync":true},{"name":"poke","si":0}],
 "memory":{"0":"page"}}
END
exec 3<>$S/driver; echo register > $S/ctl
while IFS= read -r line <&3; do
    eval "$(jq -r '@sh "op=\(.op) id=\(.id) conn=\(.conn) sel=\(.sel) ref=\(.async) n=\(.si[0]? // 0)"' <<<"$line")"
    case $op in
    port) echo "{\"id\":$id,\"rc\":0}" >&3 ;;
    call) echo "{\"id\":$id,\"rc\":0}" >&3
          if [ $sel = 0 ]; then
              for ((i=1; i<=n; i++)); do
                  echo "{\"async\":$ref,\"conn\":$conn,\"rc\":0,\"args\":[$i,$n],\"candrop\":true}" >&3 || echo "dropped $i" >&2
              done
          else
              printf 'poked by %s' $conn | dd of=$S/buf/page conv=notrunc status=none
              echo "{\"notify\":7,\"conn\":$conn,\"data\":{\"poked\":true}}" >&3
          fi ;;
    esac
done
# SPDX-License-Identifier: MIT
