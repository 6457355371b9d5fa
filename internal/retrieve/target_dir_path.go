package retrieve

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"s3bundler/internal/index"
)

// folders makes sure that no file is where the folders of a path must be, and
// returns the path, changed where it must be and may. What ends in a slash is a
// folder itself. The path has no links in it, so that a file has but one,
// however a key leads to it.
func (f *Folder) folders(p string, row *index.Row) (string, error) {
	for i := 0; i < len(p); i++ {
		if p[i] != '/' {
			continue
		}
		d := p[:i]
		at, known := f.links[f.fold(d)]
		if _, ok := f.dirs[f.fold(d)]; ok && !known {
			continue
		}
		if !known {
			var ok bool
			if at, ok = f.folder(d); !ok {
				if !f.naming.escape {
					return "", refuse(BadName, f.at(d), errors.New("a file is there, where a folder would have to be: give --escape"))
				}
				at = path.Join(path.Dir(d), apart(path.Base(d), d+"/"))
			} else if at != d {
				f.links[f.fold(d)] = at
				f.dirs[f.fold(d)] = struct{}{}
			}
			f.dirs[f.fold(at)] = struct{}{}
		}
		switch rest := p[i+1:]; {
		case at != ".":
			p, i = at+"/"+rest, len(at)
		case rest != "": // a link to all of the folder, which has no name in a path
			p, i = rest, -1
		default:
			return "./", nil
		}
	}
	return p, nil
}

// folder is where a folder p is, which may be another where p is a link. It
// reports false if something else is there.
func (f *Folder) folder(p string) (at string, ok bool) {
	if f.files.has(f.fold(p)) {
		return p, false
	}
	info, err := f.root.Lstat(p)
	switch {
	case err != nil || info.IsDir():
		return p, true
	case info.Mode()&fs.ModeSymlink == 0:
		return p, false
	}
	if at, ok = f.follow(p); !ok {
		return p, false
	}
	if _, ok := f.dirs[f.fold(at)]; ok {
		return at, true
	}
	info, err = f.root.Lstat(at)
	return at, err == nil && info.IsDir()
}

// maxLinks is how many links may lead from one to the other, as on Linux.
const maxLinks = 40

// follow is where a link leads, by a path without links. It reports false if
// that is outside of the folder, or nowhere.
func (f *Folder) follow(link string) (at string, ok bool) {
	at = "."
	left := strings.Split(link, "/")
	for links := 0; len(left) > 0; {
		e := left[0]
		left = left[1:]
		switch {
		case e == "" || e == ".":
			continue
		case e == ".." && at == ".":
			return "", false
		case e == "..":
			at = path.Dir(at)
			continue
		}
		at = path.Join(at, e)
		to, err := f.root.Readlink(at)
		if err != nil {
			continue // it is no link
		}
		if links++; links > maxLinks || filepath.IsAbs(to) || strings.HasPrefix(filepath.ToSlash(to), "/") {
			return "", false
		}
		at = path.Dir(at)
		left = append(strings.Split(filepath.ToSlash(to), "/"), left...)
	}
	return at, true
}

func (f *Folder) isFolder(p string) bool {
	if _, ok := f.dirs[f.fold(p)]; ok {
		return true
	}
	info, err := f.root.Lstat(p)
	return err == nil && info.IsDir()
}
