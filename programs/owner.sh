# shellcheck shell=sh
# As whom a path is written: root, where every folder above it is root's; otherwise the owner of the first that is not.
# Whoever owns a folder can put a link in the place of anything below it, and root would follow that. Links on the way
# are followed here, as far as root made them.
owner_of() { # PATH: absolute; what it names itself does not count
  owner_at='' owner_rest=${1#/} owner_links=0
  while :; do
    # shellcheck disable=SC2046 # three words
    set -- $(stat -c '%U %a %F' -- "$owner_at/")
    [ "$1" = root ] || { echo "$1"; return; }
    # Where everybody may write, names are safe from others only with the sticky bit.
    case $2 in
      1???) ;;
      *[2367]) echo nobody; return ;;
    esac
    case $owner_rest in
      */*) ;;
      *) break ;;
    esac
    owner_next=$owner_at/${owner_rest%%/*}
    owner_rest=${owner_rest#*/}
    if [ -L "$owner_next" ]; then
      owner_link=$(stat -c %U -- "$owner_next")
      [ "$owner_link" = root ] || { echo "$owner_link"; return; }
      owner_links=$((owner_links + 1))
      [ "$owner_links" -lt 20 ] || { echo nobody; return; }
      owner_link=$(readlink -- "$owner_next")
      case $owner_link in
        /*) owner_at='' owner_rest=${owner_link#/}/$owner_rest ;;
        *) owner_rest=$owner_link/$owner_rest ;;
      esac
    elif [ -d "$owner_next" ]; then
      owner_at=$owner_next
    else
      # What is yet to be made is made by root.
      break
    fi
  done
  echo root
}
