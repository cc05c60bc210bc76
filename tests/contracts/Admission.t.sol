// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {
    DepartmentRecord,
    IDepartmentRegistry,
    ParentEntry,
    Role
} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Interval} from "../../contracts/lib/History.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

contract AdmissionTest is Fixture {
    function test_theCouncilAdmitsAtTheTop() public view {
        DepartmentRecord memory found = departments.departmentOf(PROVINCE);
        vm.assertEq(found.parent, NONE, "parent");
        vm.assertEq(found.admittedAt, block.number - 1, "admitted at");
        vm.assertEq(found.departmentKind, SORT, "department kind");
        vm.assertEq(found.suspendedSince, 0, "suspended since");
    }

    function test_anAdminAdmitsBelowItsDepartment() public view {
        DepartmentRecord memory found = departments.departmentOf(COUNTY);
        vm.assertEq(found.parent, CITY, "parent");
        ParentEntry[] memory parents = departments.parentHistory(COUNTY);
        vm.assertEq(parents.length, 1, "parents");
        vm.assertEq(parents[0].parent, CITY, "first parent");
        vm.assertEq(parents[0].from, block.number - 1, "since");
        _assertInterval(departments.kindHistory(COUNTY, KIND)[0], block.number - 1, 0);
        Interval[] memory admin = departments.roleHistory(COUNTY, Role.Admin, countyAdmin);
        _assertInterval(admin[0], block.number - 1, 0);
        vm.assertTrue(departments.authorised(COUNTY, Role.Admin, countyAdmin), "admin");
    }

    function test_theEventTellsAll() public {
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.Admitted(STRANGER, CITY, SORT, unicode"市公安局");
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.KindGranted(STRANGER, KIND, CITY);
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.RoleGranted(STRANGER, Role.Admin, outsider, CITY);
        vm.prank(cityAdmin);
        departments.admit(CITY, STRANGER, SORT, unicode"市公安局", _kinds(KIND), outsider);
    }

    function testFuzz_nobodyElseAdmits(address caller) public {
        vm.assume(caller != cityAdmin && caller != council);
        vm.startPrank(caller);
        _refuseUnauthorised(CITY, Role.Admin, caller);
        departments.admit(CITY, STRANGER, SORT, "", _kinds(KIND), caller);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller));
        departments.admit(NONE, STRANGER, SORT, "", _kinds(KIND), caller);
        vm.stopPrank();
    }

    function test_otherRolesDoNotAdmit() public {
        _refuseUnauthorised(CITY, Role.Admin, anchorer);
        vm.prank(anchorer);
        departments.admit(CITY, STRANGER, SORT, "", _kinds(KIND), anchorer);
    }

    function test_aDepartmentIsAdmittedOnce() public {
        _refuseOf(IDepartmentRegistry.AlreadyAdmitted.selector, CITY);
        vm.prank(otherAdmin);
        departments.admit(OTHER, CITY, SORT, "", _kinds(KIND), otherAdmin);
    }

    function test_zerosAreRefused() public {
        vm.startPrank(cityAdmin);
        _refuse(IDepartmentRegistry.ZeroDepartment.selector);
        departments.admit(CITY, NONE, SORT, "", _kinds(KIND), outsider);
        _refuse(IDepartmentRegistry.ZeroKind.selector);
        departments.admit(CITY, STRANGER, SORT, "", _kinds(0), outsider);
        _refuse(ICouncilDelayed.ZeroAccount.selector);
        departments.admit(CITY, STRANGER, SORT, "", _kinds(KIND), address(0));
        vm.stopPrank();
    }

    function test_theNameIsBounded() public {
        vm.startPrank(cityAdmin);
        vm.expectRevert(abi.encodeWithSelector(IDepartmentRegistry.NameTooLong.selector, 257, 256));
        departments.admit(CITY, STRANGER, SORT, string(new bytes(257)), _kinds(KIND), outsider);
        departments.admit(CITY, STRANGER, SORT, string(new bytes(256)), _kinds(KIND), outsider);
        vm.stopPrank();
    }

    function test_aDepartmentGivesNoKindThatItLacks() public {
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.KindNotHeld.selector, CITY, OTHER_KIND)
        );
        vm.prank(cityAdmin);
        departments.admit(CITY, STRANGER, SORT, "", _kinds(OTHER_KIND), outsider);
    }

    function test_norOneThatAnAncestorLost() public {
        vm.prank(council);
        departments.withdrawKind(NONE, PROVINCE, KIND);
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.KindNotHeld.selector, PROVINCE, KIND)
        );
        vm.prank(cityAdmin);
        departments.admit(CITY, STRANGER, SORT, "", _kinds(KIND), outsider);
    }

    function test_aParentMustBeKnown() public {
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        vm.prank(outsider);
        departments.admit(STRANGER, "X", SORT, "", _kinds(KIND), outsider);
    }

    function test_aSuspendedSubtreeAdmitsNobody() public {
        vm.prank(council);
        departments.suspend(NONE, PROVINCE);
        _refuseOf(IDepartmentRegistry.Suspended.selector, PROVINCE);
        vm.prank(cityAdmin);
        departments.admit(CITY, STRANGER, SORT, "", _kinds(KIND), outsider);
    }

    function test_theTreesDepthIsBounded() public {
        bytes20 parent = OTHER;
        address admin = otherAdmin;
        for (uint160 level = 2; level <= 16; ++level) {
            bytes20 code = bytes20(level);
            _admit(admin, parent, code, admin);
            parent = code;
        }
        vm.assertTrue(departments.authorised(parent, Role.Admin, admin), "the deepest");
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.TooDeep.selector, STRANGER, 17, 16)
        );
        vm.prank(admin);
        departments.admit(parent, STRANGER, SORT, "", _kinds(KIND), admin);
    }

    function test_aStrangerIsUnknown() public {
        DepartmentRecord memory found = departments.departmentOf(STRANGER);
        vm.assertEq(found.admittedAt, 0, "admitted at");
        vm.assertEq(departments.parentHistory(STRANGER).length, 0, "parents");
        vm.assertFalse(departments.authorised(STRANGER, Role.Admin, outsider), "authorised");
        departments.requireKnown(CITY);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        departments.requireKnown(STRANGER);
    }
}
