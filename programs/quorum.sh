# shellcheck shell=sh
# Whether a primary is cut off: whether those out of its sight may have elected one of them.
#
# repmgrd (5.3.3 to 5.5.0, `do_election`) promotes a standby where more than half of the followers that are registered as
# active, and the witness, see each other, and cancels at half. A follower whose PostgreSQL is down is not active. So nobody
# is promoted out of sight as long as those that are in sight, and vote, are as many as those that are not. With every
# PostgreSQL up that is: a primary must see a majority of members and witness, itself counted; exactly half is too few.
# Where only one standby is left to vote, it elects itself: a host in sight whose PostgreSQL is down makes up for nobody.
# shellcheck disable=SC2154 # the host's values

# Those that vote into $near, those out of sight into $far.
is_cut_off() {
  near=0 far=0 quiet=
  for sight in $(all_others is_near); do
    case $sight in
      near) near=$((near + 1)) ;;
      *) far=$((far + 1)) quiet="$quiet $sight" ;;
    esac
  done
  [ "$far" -gt "$near" ] || return 1
  # Over SSH only now, since that takes longer.
  for sight in $(all_down "$quiet"); do far=$((far - 1)); done
  [ "$far" -gt "$near" ]
}

# Asks every other member and the witness, all at the same time.
all_others() { # COMMAND, which is given ADDRESS PORT
  while read -r name address port_there; do
    [ "$name" = "$me" ] || "$1" "$address" "$port_there" &
  done <<END
$members${witness:+
- $witness}
END
  wait
}

# Whether its PostgreSQL gives an answer: also one that has no connection free or is starting up does.
is_near() { # ADDRESS PORT
  code=0
  "$bin/pg_isready" -q -t 2 -h "$1" -p "$2" || code=$?
  case $code in 0 | 1) echo near ;; *) echo "$1" ;; esac
}

# A word for each whose host says that its PostgreSQL does not run.
all_down() { # ADDRESSES
  for address in $1; do
    [ "$(standing_at "$address" | tail -n 1)" != down ] || echo down &
  done
  wait
}
