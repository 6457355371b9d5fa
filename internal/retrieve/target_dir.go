package retrieve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// Folder restores below a folder, and nowhere else: os.Root keeps every path
// in it, whatever links it holds. Content and time of last modification are
// restored; a file is complete when it appears under its name.
type Folder struct {
	dir    string
	root   *os.Root
	naming naming
	// folded says that the file system takes names that differ in case alone
	// for the same.
	folded bool
	// empty says that it was empty at the start.
	empty bool

	files taken
	dirs  map[string]struct{} // known to be folders, or to become some
	links map[string]string   // known to lead to one, which is another's path
}

// ToFolder opens dir, which is made if it is not there. escape maps keys that
// cannot be paths, which are otherwise refused. The caller closes it.
func ToFolder(dir string, escape bool) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fault.New(fault.Write, "restore to", dir, err, "")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.New(fault.Write, "restore to", dir, err, "")
	}
	f := &Folder{dir: dir, root: root, naming: newNaming(escape), files: newTaken(), dirs: map[string]struct{}{}, links: map[string]string{}}
	f.files.content = true
	if err := f.inspect(); err != nil {
		root.Close()
		return nil, fault.New(fault.Write, "restore to", dir, err, "")
	}
	return f, nil
}

// Close ends the use of the folder.
func (f *Folder) Close() error { return f.root.Close() }

// inspect finds out whether the folder is empty and how it takes names.
func (f *Folder) inspect() error {
	d, err := f.root.Open(".")
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(1)
	d.Close()
	if err != nil && err != io.EOF {
		return err
	}
	f.empty = len(names) == 0
	probe, file, err := f.temporary("probe")
	if err != nil {
		return err
	}
	defer f.abandon(file, probe) // which no other run takes away before
	_, err = f.root.Lstat(strings.ToUpper(probe))
	f.folded = err == nil
	return nil
}

func (f *Folder) fold(p string) string {
	if f.folded {
		return strings.ToLower(p)
	}
	return p
}

// isMarker tells the objects by which consoles make folders.
func isMarker(row *index.Row, key string) bool {
	return row.Size == 0 && strings.HasSuffix(key, "/") && key != "/"
}

func (f *Folder) place(row *index.Row, key string) (object.Location, error) {
	marker := isMarker(row, key)
	p, err := f.naming.path(strings.TrimSuffix(key, map[bool]string{true: "/"}[marker]))
	if err != nil {
		return object.Location{}, refuse(BadName, f.dir, fmt.Errorf("%w: give --escape to write it under another name", err))
	}
	if marker {
		p += "/"
	}
	if p, err = f.folders(p, row); err != nil {
		return object.Location{}, err
	}
	if !marker && f.isFolder(p) {
		if !f.naming.escape {
			return object.Location{}, refuse(BadName, f.at(p), fmt.Errorf("a folder is there, of keys that begin with this one and a slash: give --escape"))
		}
		p = path.Join(path.Dir(p), apart(path.Base(p), p))
	}
	err = f.files.take(f.fold(p), row)
	if err == errDuplicate && !marker && f.naming.escape && f.folded {
		p = path.Join(path.Dir(p), apart(path.Base(p), p))
		err = f.files.take(f.fold(p), row)
	}
	if err != nil {
		return object.Location{}, refuse(Duplicate, f.at(p), err)
	}
	return object.Location{Key: p}, nil
}

func (f *Folder) fresh(context.Context) (bool, error) { return f.empty, nil }

// look reads a file that has not the object's time; and any of its size where
// it could be replaced, so that a damaged one is.
func (f *Folder) look(ctx context.Context, w *wanted, opt *RestoreOptions) (presence, error) {
	to, row := w.to, &w.row
	sum := newChecker(row)
	info, err := f.root.Lstat(strings.TrimSuffix(to.Key, "/"))
	if err == nil && info.Mode().IsRegular() {
		f.sweep(to.Key, info)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nothing, nil
	case err != nil:
		return nothing, f.explain(err, to, row)
	case info.IsDir() && strings.HasSuffix(to.Key, "/"):
		return same, nil
	case !info.Mode().IsRegular() || info.Size() != row.Size:
		return another, nil
	case info.ModTime().Equal(row.LastModified) && (opt.Existing != Overwrite || opt.NoCheck || !sum.checks()):
		return same, nil
	case !sum.checks():
		return another, nil
	}
	file, err := f.root.Open(to.Key)
	if err != nil {
		return nothing, f.explain(err, to, row)
	}
	defer file.Close()
	if _, err := io.Copy(sum, interruptible{ctx, file}); err != nil {
		return nothing, f.explain(err, to, row)
	}
	if sum.check(to) != nil {
		return another, nil
	}
	return same, nil
}

func (f *Folder) put(ctx context.Context, to object.Location, row *index.Row, content []byte, over bool) error {
	return f.stream(ctx, to, row, bytes.NewReader(content), over)
}

func (f *Folder) stream(ctx context.Context, to object.Location, row *index.Row, r io.Reader, over bool) error {
	if strings.HasSuffix(to.Key, "/") {
		return f.explain(f.root.MkdirAll(strings.TrimSuffix(to.Key, "/"), 0o777), to, row)
	}
	dir := path.Dir(to.Key)
	name, file, err := f.temporary(to.Key)
	if errors.Is(err, fs.ErrNotExist) {
		if err = f.root.MkdirAll(dir, 0o777); err == nil {
			name, file, err = f.temporary(to.Key)
		}
	}
	if err != nil {
		return f.explain(err, to, row)
	}
	err = fill(ctx, file, r)
	if err == nil && !row.LastModified.IsZero() {
		err = f.root.Chtimes(name, row.LastModified, row.LastModified)
	}
	if err == nil {
		err = f.complete(file, name, to.Key, over)
	} else {
		f.abandon(file, name)
	}
	return f.explain(err, to, row)
}

// interruptible is a file that ends when its reader's context does.
type interruptible struct {
	ctx  context.Context
	file *os.File
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := context.Cause(i.ctx); err != nil {
		return 0, err
	}
	return i.file.Read(p)
}

// fill writes a new file.
func fill(ctx context.Context, file *os.File, r io.Reader) error {
	if _, err := io.Copy(file, r); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (f *Folder) copies() bool { return false }

func (f *Folder) copy(context.Context, object.Location, *index.Row, Archive, bool) error {
	return errors.ErrUnsupported
}

// explain tells what concerns one file from what concerns all.
func (f *Folder) explain(err error, to object.Location, row *index.Row) error {
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS),
		errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, fs.ErrClosed):
		return fault.New(fault.Write, "restore "+nameOf(row), "to "+f.name(to), err, "run the same command again: it goes on")
	}
	var local *fs.PathError
	var link *os.LinkError
	if errors.As(err, &local) || errors.As(err, &link) {
		return refuse(BadName, f.name(to), err)
	}
	return err
}

func (f *Folder) at(p string) string { return f.name(object.Location{Key: p}) }

func (f *Folder) name(to object.Location) string { return path.Join(f.dir, to.Key) }
