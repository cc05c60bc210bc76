// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {IDepartmentRegistry, ParentEntry, Role} from "../interfaces/IDepartmentRegistry.sol";
import {DepartmentRights} from "./DepartmentRights.sol";
import {Department, Node} from "./DepartmentStore.sol";

/// @title DepartmentTree
/// @notice Admission, suspension, moves and mergers.
abstract contract DepartmentTree is DepartmentRights {
    /// @notice Bytes of a department's name (UTF-8).
    uint256 public constant MAX_NAME_BYTES = 256;

    /// @inheritdoc IDepartmentRegistry
    function admit(
        bytes20 parent,
        bytes20 department,
        bytes32 departmentKind,
        string calldata name,
        bytes32[] calldata kinds,
        address admin
    ) external {
        if (parent == COUNCIL) _consumeCouncilAct();
        else _requireHolds(parent, Role.Admin, msg.sender);
        if (department == 0) revert ZeroDepartment();
        if (bytes(name).length > MAX_NAME_BYTES) {
            revert NameTooLong(bytes(name).length, MAX_NAME_BYTES);
        }
        Department storage admitted = _departments[department];
        if (admitted.node.admittedAt != 0) revert AlreadyAdmitted(department);
        admitted.node.admittedAt = _blockNumber();
        admitted.departmentKind = departmentKind;
        _hang(department, parent);
        _log(Admitted.selector, department, parent, abi.encode(departmentKind, name));
        for (uint256 i = 0; i < kinds.length; ++i) {
            _grantKind(parent, department, kinds[i]);
        }
        _grantRole(parent, department, Role.Admin, admin);
    }

    /// @inheritdoc IDepartmentRegistry
    function suspend(bytes20 actor, bytes20 department) external {
        _requireKnown(department);
        if (actor == COUNCIL) {
            _requireCouncil();
        } else {
            if (actor == department) revert NotAncestor(actor, department);
            _requireHolds(actor, Role.Admin, msg.sender);
            _requireSelfOrAbove(actor, department);
        }
        _requireNotDissolved(department);
        Department storage suspended = _departments[department];
        if (suspended.node.suspendedSince != 0) {
            bytes20 suspender = suspended.suspender;
            if (!_outranks(actor, suspender)) revert AlreadySuspended(department, suspender);
        }
        _suspend(actor, department);
    }

    /// @inheritdoc IDepartmentRegistry
    function lift(bytes20 actor, bytes20 department) external {
        _requireKnown(department);
        _requireNotDissolved(department);
        Department storage suspended = _departments[department];
        if (suspended.node.suspendedSince == 0) revert NotSuspended(department);
        if (actor == COUNCIL) {
            _consumeCouncilAct();
        } else {
            _requireHolds(actor, Role.Admin, msg.sender);
            _requireSelfOrAbove(actor, suspended.suspender);
        }
        suspended.node.suspendedSince = 0;
        suspended.suspender = 0;
        suspended.suspensions.close();
        _log(SuspensionLifted.selector, department, actor, "");
    }

    /// @inheritdoc IDepartmentRegistry
    function move(bytes20 actor, bytes20 department, bytes20 newParent) external {
        if (newParent == _departments[department].node.parent) {
            _requireKnown(department);
            revert SameParent(department, newParent);
        }
        _authoriseMove(actor, department, newParent);
        _move(actor, department, newParent);
    }

    /// @inheritdoc IDepartmentRegistry
    function merge(bytes20 actor, bytes20 department, bytes20 into) external {
        if (into == 0) revert ZeroDepartment();
        _authoriseMove(actor, department, into);
        _requireNotDissolved(into);
        Department storage merged = _departments[department];
        if (merged.node.parent != into) _move(actor, department, into);
        if (merged.node.suspendedSince == 0) _suspend(into, department);
        merged.mergedInto = into;
        _log(Merged.selector, department, into, abi.encode(actor));
    }

    /// @dev A move may not serve to escape a suspension, so it takes who may lift every suspension
    /// between the department and the actor.
    function _authoriseMove(bytes20 actor, bytes20 department, bytes20 newParent) private {
        _authoriseAbove(actor, department);
        _requireNotDissolved(department);
        if (newParent != 0) _requireKnown(newParent);
        if (_isSelfOrAbove(department, newParent)) revert WouldCycle(department, newParent);
        if (actor == COUNCIL) return;
        _requireSelfOrAbove(actor, newParent);
        bytes20 left = _departments[department].node.parent;
        while (left != actor) {
            Department storage passed = _departments[left];
            if (passed.node.suspendedSince != 0 && !_isSelfOrAbove(actor, passed.suspender)) {
                revert Suspended(left);
            }
            left = passed.node.parent;
        }
    }

    function _move(bytes20 actor, bytes20 department, bytes20 newParent) private {
        bytes20 oldParent = _departments[department].node.parent;
        _hang(department, newParent);
        _log(Moved.selector, department, oldParent, newParent, abi.encode(actor));
    }

    /// @dev Hangs a department under `parent`, keeping the tree's depth within bounds.
    function _hang(bytes20 department, bytes20 parent) private {
        Department storage hung = _departments[department];
        uint256 below = uint256(hung.node.height) + 1;
        uint256 levels = below;
        bytes20 above = parent;
        while (above != 0) {
            Node storage node = _departments[above].node;
            ++levels;
            if (levels > MAX_DEPTH) revert TooDeep(department, levels, MAX_DEPTH);
            if (node.height < below) node.height = uint8(below);
            ++below;
            above = node.parent;
        }
        hung.node.parent = parent;
        hung.parents.push(ParentEntry(parent, _blockNumber()));
    }

    function _suspend(bytes20 actor, bytes20 department) private {
        Department storage suspended = _departments[department];
        suspended.suspender = actor;
        if (suspended.node.suspendedSince == 0) {
            suspended.node.suspendedSince = _blockNumber();
            suspended.suspensions.impose();
        }
        _log(DepartmentSuspended.selector, department, actor, "");
    }

    /// @dev Whether `actor` stands above `other`; the council stands above all.
    function _outranks(bytes20 actor, bytes20 other) private view returns (bool) {
        if (actor == other || other == COUNCIL) return false;
        return actor == COUNCIL || _isSelfOrAbove(actor, other);
    }
}
