# shellcheck shell=bash
# Split settings in environment variables into words. Sourced by scripts that define `stop`.

# words_of NAME ARRAY: split the variable NAME into the words of ARRAY, respecting quotes.
words_of() {
  local words
  words=$(xargs -r -n 1 printf '%s\n' <<<"${!1:-}" 2>/dev/null) || stop "$1=${!1} has a quote without its end"
  [[ -z $words ]] || mapfile -t "$2" <<<"$words"
}
