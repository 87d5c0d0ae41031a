#!/bin/bash
S=$1
mkdir "$S"                                  # an inactive, unregistered entry
echo CalcDriver > $S/class                  # lineage CalcDriver:IOService:IORegistryEntry:OSObject
echo '"1.0"'    > $S/prop/Version           # a property: one JSON value per file
cat > $S/methods <<'END'
{"open": "ask",
 "methods": [ {"name":"ping", "si":0, "so":0},
              {"name":"mul",  "si":2, "so":1},
              {"name":"echo", "sis":"*", "sos":"*"} ]}
END
exec 3<>$S/driver                           # become the provider; life of fd 3 = life of the service
echo register > $S/ctl                      # registerService()
while IFS= read -r line <&3; do             # one JSON request per line
    echo "driver got: $line" >&2
    jq -c 'if   .op=="open" then {id, rc:0}
           elif .op!="call" then empty
           elif .sel==1     then {id, rc:0, so:[.si[0]*.si[1]]}
           elif .sel==2     then {id, rc:0, sob:.sib}
           else                  {id, rc:0} end' <<<"$line" >&3
done
# SPDX-License-Identifier: MIT
