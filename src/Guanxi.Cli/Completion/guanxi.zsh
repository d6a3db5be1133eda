#compdef guanxi
# Completion for zsh. Load it, after compinit, with:  source <(./guanxi completion zsh)
# The program says at every press of the key what fits, from the definitions of its verbs; where nothing does, zsh offers files.

_guanxi() {
    local program=${words[1]/#\~/$HOME} line="guanxi ${(j: :)words[2,CURRENT]}"
    local -a fitting
    fitting=(${(f)"$("$program" '[suggest]' "$line" 2>/dev/null </dev/null)"})
    # In --key=value only the value is completed.
    compset -P '--*='
    compadd -a fitting || _files
}

if [[ ${funcstack[1]:-} == _guanxi ]]; then
    _guanxi "$@"
else
    compdef _guanxi guanxi
fi
