package multilib

import "strings"

// IsRuntime reports whether a file of a package is what programs load when they run: a
// library, or a plug-in of one of the programs that the method runtime knows.
func IsRuntime(path string) bool {
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 {
		return false
	}
	dir, name := path[:slash], path[slash+1:]
	switch {
	case isLibrary(dir, name), isModule(dir, name):
		return true
	case below(dir, "/usr/lib") || below(dir, "/usr/lib64"):
		return isPlugin(dir, name)
	}
	return false
}

// below reports whether a folder is in another one.
func below(dir, root string) bool {
	return len(dir) > len(root) && dir[len(root)] == '/' && dir[:len(root)] == root
}

// isLibrary: what the dynamic linker finds without being told, and what tells it.
func isLibrary(dir, name string) bool {
	switch dir {
	case "/lib", "/lib64":
		return strings.Contains(name, ".so.") || strings.HasPrefix(name, "libnss_") || strings.HasPrefix(name, "libdb-")
	case "/usr/lib", "/usr/lib64":
		return strings.Contains(name, ".so.")
	case "/etc/ld.so.conf.d":
		return strings.HasSuffix(name, ".conf")
	}
	return false
}

// isModule: folders of which every file counts, and those of which some do.
func isModule(dir, name string) bool {
	switch dir {
	case "/etc/lsb-release.d", "/lib/security", "/lib64/security":
		return true
	}
	for _, lib := range [...]string{"/usr/lib64/", "/usr/lib/"} {
		sub, ok := strings.CutPrefix(dir, lib)
		if !ok {
			continue
		}
		switch sub {
		case "alsa-lib", "dri", "gtk-2.0/immodules", "gtk-2.0/modules", "krb5/plugins", "sasl2", "vdpau":
			return true
		case "oprofile":
			return strings.Contains(name, ".so.")
		case "wine":
			return strings.HasSuffix(name, ".so")
		case "sane":
			return strings.HasPrefix(name, "libsane-")
		}
		return false
	}
	return false
}

// isPlugin: folders that have a version in their path.
func isPlugin(dir, name string) bool {
	rest := dir[len("/usr/lib"):]
	switch {
	case has(rest, "/gtk-2.0/"):
		for _, kind := range [...]string{"/engines", "/modules", "/immodules", "/loaders", "/printbackends", "/filesystems"} {
			if has(rest, "/gtk-2.0/", kind+"$") {
				return true
			}
		}
		return false
	case strings.HasPrefix(strings.TrimPrefix(rest, "64"), "/gstreamer-"):
		return true
	}
	return has(rest, "/qt", "/plugins/") || has(rest, "/kde", "/plugins/") || has(rest, "/qt5/qml/") ||
		has(rest, "/gdk-pixbuf-2.0/", "/loaders$") || has(rest, "/xine/plugins/")
}

// has reports whether a path has parts, one after the other; "$" is the end of it.
func has(path string, parts ...string) bool {
	for _, part := range parts {
		if end, ok := strings.CutSuffix(part, "$"); ok {
			return strings.HasSuffix(path, end)
		}
		_, after, ok := strings.Cut(path, part)
		if !ok {
			return false
		}
		path = after
	}
	return true
}
