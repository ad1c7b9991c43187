/**
 * The Reaper's own program, for any POSIX shell: `sh -c 'eval "$EMP_REAPER"' effect-multiprocessing-reaper DIRECTORY
 * PID START`, with the script in the environment, so that `ps` shows one readable line.
 *
 * Until its work begins it uses only what is built into the shell: it starts nothing, and needs no memory to wait.
 *
 * @see records.ts for what it finds in the directory
 */

import { sentinel } from "./records.ts"

/**
 * Where the shell finds its pipe. Not at 0: bash takes a socket there for a remote login, and reads the user's
 * start-up files.
 */
export const descriptor = 3

/** The name under which the Reaper shows up in `ps`. */
export const reaperName = "effect-multiprocessing-reaper"

/** The variable that carries the script. */
export const scriptVariable = "EMP_REAPER"

/** What `sh -c` is told. */
export const command = `eval "$${scriptVariable}"`

/** The script. */
export const script = `
trap '' HUP INT QUIT TERM USR1 USR2 PIPE ALRM
unset ${scriptVariable}
dir=$1 owner=$2 born=$3 mark=$4

while read -r _ <&${descriptor}; do :; done    # ends when nobody holds the pipe's other end

if [ -r /proc/self/stat ]; then
  # sets state, group and start; fails when there is no such process
  look() {
    stat=
    while read -r line; do stat="$stat $line"; done < "/proc/$1/stat" || return 1
    case $stat in *') '*) ;; *) return 1 ;; esac
    set -- \${stat##*') '}
    state=$1 group=$3 start=\${20}
  }
  everybody() { for entry in /proc/[0-9]*; do echo "\${entry##*/}"; done; }
  marked() { grep -zqsxF -- "$mark" "/proc/$1/environ"; }
  identity() { stat -c %d.%i -- "$1"; }
else # macOS: written from its manuals, untested
  look() {
    set -- $(ps -o stat= -o pgid= -o lstart= -p "$1")
    [ $# -ge 7 ] || return 1
    state=$1 group=$2 start=$3_$4_$5_$6_$7
  }
  everybody() { ps -ax -o pid=; }
  marked() { ps -Eww -o command= -p "$1" | grep -qF -- "$mark"; }
  identity() { stat -f %d.%i -- "$1"; }
fi

here() { [ -d "$dir" ] && [ ! -h "$dir" ]; }

# A dying process closes its files a moment before it is gone. While the owner lives, nothing of it is touched; when we
# cannot look (no descriptors left), whoever takes signals there counts as the owner.
owned() {
  look "$owner" || { kill -0 "$owner"; return; }
  case $state in [ZX]*) return 1 ;; esac
  [ "$start" = "$born" ]
}
rounds=0
while here && owned; do
  rounds=$((rounds + 1))
  if [ "$rounds" -gt 200 ]; then sleep 1; else sleep 0.01 || sleep 1; fi
done
here || exit 0                     # an orderly end: the owner has tidied up itself

# Kills everybody in the records; fails when it could not look at somebody, or into the records.
killAll() {
  leaderless= unseen=records missed=
  for file in "$dir"/c/*; do
    name=\${file##*/}
    [ "$name" = ${sentinel} ] && unseen=
    pid=\${name%%.*} rest=\${name#*.}
    case $pid in '' | 0* | 1 | *[!0-9]* | ????????*) continue ;; esac
    case $rest in *[!0-9A-Za-z_:.]*) continue ;; *.g | *.p) ;; *) continue ;; esac
    if look "$pid"; then
      [ "$start" = "\${rest%.*}" ] || continue
      [ "\${rest##*.}" = g ] && kill -9 "-$pid"
      kill -9 "$pid"
    elif kill -0 "$pid"; then
      missed=$pid
    elif [ "\${rest##*.}" = g ] && kill -0 "-$pid"; then
      leaderless="$leaderless $pid "
    fi
  done
  # A leader's number says nothing without the leader, unless one of the group carries our mark.
  if [ -n "$leaderless" ]; then
    for pid in $(everybody); do
      look "$pid" || continue
      case $leaderless in *" $group "*) marked "$pid" && kill -9 "-$group" ;; esac
    done
  fi
  [ -z "$unseen$missed" ]
}
# What cannot be seen in an hour is left to a sweep.
rounds=0
until killAll; do
  rounds=$((rounds + 1))
  here && [ "$rounds" -le 3600 ] || exit 0
  sleep 1
done

for file in "$dir"/p/* "$dir"/d/*; do
  [ -h "$file" ] || continue
  path=$(readlink "$file"; echo .) name=\${file##*/}    # the dot saves line breaks at the end
  path=\${path%??}
  case $path in /*) ;; *) continue ;; esac
  [ "$(identity "$path")" = "\${name%.*}" ] || continue
  case $file in
    */p/*) rm -f -- "$path" ;;
    *) [ -d "$path" ] && [ ! -h "$path" ] && rm -rf -- "$path" ;;
  esac
done

rm -rf -- "$dir"
`
