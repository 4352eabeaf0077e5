# _pungo_labels PROGRAM DIR WORD prints the targets that WORD may become.
_pungo_labels() {
    local pungo=$1 dir=$2 cur=$3
    case $cur in
    *@*) "$pungo" query --dir="$dir" --instances --output=label "${cur%%@*}" 2>/dev/null |
        if [[ $cur == :* ]]; then sed 's|^//[^:]*||'; else cat; fi ;;
    //*) "$pungo" query --dir="$dir" --output=label 2>/dev/null ;;
    *) "$pungo" query --dir="$dir" --output=label :all 2>/dev/null | sed 's|^//[^:]*||' ;;
    esac
}

# _pungo_candidates PROGRAM CUR PREV COMMAND DIR prints what CUR may become.
_pungo_candidates() {
    local pungo=$1 cur=$2 prev=$3 command=$4 dir=$5 value
    if [[ -z $command ]]; then
        [[ $cur == -* ]] && _pungo_words flags build | grep -x -e --dir= -e --help
        _pungo_words commands
        return
    fi
    case $cur in
    --*=*)
        for value in $(_pungo_words values "$command" "${cur%%=*}"); do
            printf '%s\n' "${cur%%=*}=$value"
        done
        return ;;
    -:* | -//*)
        _pungo_words targets | grep -q -x -e "$command" &&
            _pungo_labels "$pungo" "$dir" "${cur#-}" | sed 's|^|-|'
        return ;;
    -*) _pungo_words flags "$command"; return ;;
    esac
    if [[ $prev == -* ]] && _pungo_words taking "$command" | grep -q -x -e "$prev"; then
        _pungo_words values "$command" "$prev"
        return
    fi
    _pungo_words arguments "$command"
    _pungo_words targets | grep -q -x -e "$command" && _pungo_labels "$pungo" "$dir" "$cur"
}

_pungo() {
    # Not COMP_WORDS: it is split at ":" and "=" too, which labels and flags have.
    local line=${COMP_LINE:0:COMP_POINT} cur='' prev='' command='' dir=. word skip='' head i
    local -a words
    read -r -a words <<<"$line"
    if [[ $line != *[[:space:]] ]]; then
        cur=${words[-1]}
        unset 'words[-1]'
    fi
    for ((i = 1; i < ${#words[@]}; i++)); do
        word=${words[i]}
        case $prev in -C | --dir) dir=$word ;; esac
        case $word in --dir=*) dir=${word#--dir=} ;; esac
        # The word after a flag that takes a value is no command.
        if [[ -z $command && -z $skip && $word != -* ]]; then
            command=$word
        fi
        skip=
        if [[ $word == -* ]] && _pungo_words taking "${command:-build}" | grep -q -x -e "$word"; then
            skip=1
        fi
        prev=$word
    done
    # Bash replaces only what is after the last of its separators in the word.
    head=
    for ((i = ${#cur} - 1; i >= 0; i--)); do
        if [[ ${cur:i:1} == [:=@] && $COMP_WORDBREAKS == *"${cur:i:1}"* ]]; then
            head=${cur:0:i+1}
            break
        fi
    done
    COMPREPLY=()
    while IFS= read -r word; do
        [[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("${word#"$head"}")
    done < <(_pungo_candidates "$1" "$cur" "$prev" "$command" "$dir")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
    if [[ ${#COMPREPLY[@]} -eq 0 ]] && { [[ -n $skip ]] || _pungo_words files | grep -q -x -e "$command"; }; then
        compopt -o default 2>/dev/null
    fi
    return 0
}

complete -F _pungo pungo
