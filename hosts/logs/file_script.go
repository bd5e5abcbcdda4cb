package logs

// fileScript prints one line about a file and then what is wanted of it.
//
//	$1 the file          $2 lines to begin with     $3 inode of what was read, "-" for a new beginning
//	$4 offset in it      $5 length and              $6 checksum of its first bytes, "0 0" when not known
//	$7 since, in seconds $8 follow, once, or lines  $9 a text that lines must hold, when not followed
//	                        (once, whole ones only)
//
// A log that is rotated is a row of files, of which each is read to its end: those that were put aside, by
// name or by date, compressed or not, and the one that is written to. What was read is known again by its
// inode and its first bytes: inodes are used again, a copy has another one, and so has what was compressed.
// The line says: inode, first and last offset, "live" or "aside", "on", "new" or "lost", length and
// checksum of the first bytes; the same three of the file that comes next; the zone of the host.
const fileScript = `f=$1 n=$2 ino=$3 at=$4 kl=$5 ks=$6 since=$7 how=$8 want=$9
# What was put aside a moment ago may not be there again yet.
wait=0
while [ "$ino" != - ] && [ ! -e "$f" ] && [ "$wait" -lt 10 ]; do
  sleep 0.2 2>/dev/null || sleep 1
  wait=$((wait+1))
done
if [ ! -e "$f" ]; then echo "no such file" >&2; exit 66; fi
if [ -d "$f" ]; then echo "is a directory" >&2; exit 65; fi
if [ ! -r "$f" ]; then echo "permission denied" >&2; exit 77; fi
exec 3<"$f"
cur=/dev/fd/3
[ -r "$cur" ] || cur=$f
plain() { # FILE: standard input, which is that file, without its compression
  case $1 in
  *.gz | *.Z) gzip -dc ;; *.bz2) bzip2 -dc ;; *.xz) xz -dc ;; *.zst) zstd -dcq ;;
  *) cat ;;
  esac
}
unpack() { plain "$1" <"$1"; }
inode() { set -- $(ls -Lid -- "$1" 2>/dev/null) -; echo "$1"; }
beginning() { set -- $(unpack "$1" 2>/dev/null | head -c "$2" | cksum); echo "$1"; }
size_of() { echo $(($(wc -c <"$1"))); }
aside() { ls -1tr -- "$f".[0-9]* "$f"-[0-9]* 2>/dev/null; }
others() { aside; ls -1 -- "$f".* "$f"-* 2>/dev/null; }
same() { [ "$kl" = 0 ] || [ "$(beginning "$1" "$kl")" = "$ks" ]; }
ahead() { case $1 in *.gz | *.Z | *.bz2 | *.xz | *.zst) : ;; *) [ "$(size_of "$1")" -ge "$at" ] ;; esac }
first() { # FILE: inode, length and checksum of its first bytes
  k=256
  case $1 in *.gz | *.Z | *.bz2 | *.xz | *.zst) : ;; *) k=$(size_of "$1"); [ "$k" -le 256 ] || k=256 ;; esac
  echo "$(inode "$1") $k $(beginning "$1" "$k")"
}
live=$(inode "$cur") seg=$cur state=on
if [ "$ino" = - ]; then
  state=new
  [ "$since" = 0 ] || while read -r x; do
    [ -n "$x" ] || continue
    i=$(inode "$x") t=$(stat -c %Y -- "$x" 2>/dev/null)
    if [ "${t:-0}" -ge "$since" ]; then seg=$x mark=$i at=0; break; fi
  done <<END
$(aside)
END
elif [ "$live" != "$ino" ] || ! ahead "$cur" || ! same "$cur"; then
  seg=
  while read -r x; do
    [ -n "$x" ] || continue
    i=$(inode "$x")
    if [ "$i" = "$ino" ] && ahead "$x" && same "$x"; then seg=$x mark=$i; fi
  done <<END
$(others)
END
  [ -n "$seg" ] || [ "$kl" = 0 ] || while read -r x; do
    [ -n "$x" ] || continue
    i=$(inode "$x")
    if ahead "$x" && same "$x"; then seg=$x mark=$i; fi
  done <<END
$(others)
END
  if [ -z "$seg" ]; then seg=$cur state=lost at=0; fi
fi
kind=live follows="- 0 0"
if [ "$seg" != "$cur" ]; then
  kind=aside next=$cur took=
  while read -r x; do
    if [ "$took" = yes ]; then next=$x; break; fi
    if [ "$x" = "$seg" ]; then took=yes; fi
  done <<END
$(aside)
END
  [ -n "$next" ] || next=$cur
  follows=$(first "$next")
fi
size=$(size_of "$seg")
if [ "$kind$state" = livenew ] && [ "$n" -gt 0 ]; then
  k=$(tail -n "$n" -- "$cur" | wc -c)
  at=$((size-k))
  if [ "$at" -gt 0 ]; then at=$((at-1)); else at=0; fi
fi
if [ "$how" = lines ]; then
  piece() { tail -c "+$((size>65536?size-65535:1))" -- "$cur" | head -c "$((size>65536?65536:size))" | tail -n 1; }
  if [ "$(piece | wc -l)" -eq 0 ]; then size=$((size-$(piece | wc -c))); fi
  [ "$size" -ge "$at" ] || at=$size
fi
set -- $(first "$seg")
kl=$2 ks=$3
if [ "$kind" = aside ]; then
  # Names move when the log is rotated, and all that was found goes by them: what is read is what was meant.
  exec 4<"$seg" || exit 75
  held=/dev/fd/4
  [ -r "$held" ] || held=$seg
  if [ "$(inode "$held")" != "$mark" ] || [ "$(inode "$seg")" != "$mark" ]; then
    echo "the log was rotated while it was looked at" >&2
    exit 75
  fi
fi
echo "$1 $at $size $kind $state $kl $ks $follows $(date +%z)"
pick() { if [ -n "$want" ]; then grep -a -F -e "$want"; else cat; fi }
if [ "$kind" = aside ]; then
  plain "$seg" <&4 | tail -c "+$((at+1))" | pick
  exit 0
fi
if [ "$how" != follow ]; then
  tail -c "+$((at+1))" -- "$cur" | head -c "$((size-at))" | pick
  exit 0
fi
if [ "$cur" = "$f" ]; then exec tail -c "+$((at+1))" -F -- "$f"; fi # no Linux: what is put aside is its own affair
tail -c "+$((at+1))" <&3 || exit 74
mine=/proc/self/fd/3 place=/proc/self/fdinfo/3 turn=0
{ [ "$f" -ef "$mine" ] || [ "$cur" -ef "$mine" ]; } 2>/dev/null || mine=
while :; do
  sleep 0.2 2>/dev/null || sleep 1
  cat <&3 || exit 74
  turn=$((turn+1))
  [ -e "$f" ] || continue
  if [ -n "$mine" ]; then
    [ "$f" -ef "$mine" ] || break
  fi
  [ "$((turn%5))" = 0 ] || continue
  if [ -z "$mine" ] && [ "$(inode "$f")" != "$live" ]; then break; fi
  [ -r "$f" ] || continue
  if [ -r "$place" ]; then
    read -r x pos <"$place"
    if [ "$(size_of "$f")" -lt "$pos" ]; then break; fi
  fi
  if [ "$kl" = 0 ]; then
    set -- $(first "$f")
    kl=$2 ks=$3
  elif [ "$(beginning "$f" "$kl")" != "$ks" ]; then
    break
  fi
done
# Its writer may go on for a moment: until it is told, or until its buffer is empty.
sleep 0.3 2>/dev/null || sleep 1
cat <&3
exit 0
`

// probeScript prints pieces of a file, the last one first, for finding the place of a moment in it: the
// inode, the size, and before each piece of 4096 bytes where it begins.
const probeScript = `f=$1
set -- $(ls -Lid -- "$f")
size=$(($(wc -c <"$f")))
echo "$1 $size $(date +%z)"
for mb in 1 4 16 64 256 1024 4096 16384 65536; do
  at=$((size-mb*1048576))
  if [ "$at" -le 4096 ]; then break; fi
  echo "$at"
  tail -c "+$((at+1))" -- "$f" | head -c 4096
  echo
done
`
