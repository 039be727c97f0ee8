#!/bin/sh
# Stands for a psql that is connected and reads statements: those with `FEHLER` in them fail, in German; `HINWEIS` warns; `STILL`
# is never answered.
error=
while IFS= read -r line; do
  case $line in
    *STILL*) exec sleep 30 ;;
    *FEHLER*)
      error=yes
      echo 'FEHLER:  Division durch Null' >&2
      ;;
    *HINWEIS*)
      error=
      echo 'WARNUNG:  Datenbank hat keine Sortierfolgenversion' >&2
      echo gut
      ;;
    '\if :ERROR' | '\endif') ;;
    '\warn pgha-failed'*) [ -z "$error" ] || echo 'pgha-failed 22012' >&2 ;;
    '\warn pgha-end') echo pgha-end >&2 ;;
    *) error= && echo t ;;
  esac
done
